"""Azure as the Pods of the local node meet it: the bed behind a Service, and what AKS adds to Pods.

The bed runs beside the node, in the test's own process: whoever tests orders faults and looks at
what was recorded without a second way in. Only the proxy listens where Pods reach it.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from cluster.node.network import ADDRESSES
from demo.kubectl import Kubectl, Manifest
from fake_azure import entra
from fake_azure.bed import Bed, azure_bed

PROXY = "http://way-out:3128"
BUNDLE = "company"
_TOKENS = "/var/run/secrets/azure/tokens"
_FILE = "azure-identity-token"


@dataclass
class Accounts:
    """The cluster's part of a login: who a projected token belongs to, as its API server says."""

    kubectl: Kubectl
    shown: list[str] = field(default_factory=list)
    """Tokens that were presented; secrets, all of them."""

    def review(self, token: str, audience: str) -> str | None:
        """Return the account's name, or None where the API server does not know the token."""
        self.shown.append(token)
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        text = self.kubectl.run("create", "-f", "-", "-o", "json", stdin=json.dumps(asked))
        status = json.loads(text)["status"]
        if not status.get("authenticated") or audience not in status.get("audiences", ()):
            return None
        return str(status["user"]["username"])


def skip_elsewhere(images: Mapping[str, str]) -> None:
    """Skip a story, with the reason, where the bed or the image that calls it is not."""
    try:
        socket.create_server((ADDRESSES.host, 0)).close()
    except OSError:
        pytest.skip("Azure's stand-in is beside the local node, and this cluster is another")
    if "azure" not in images:
        pytest.skip("what calls Azure is built by name only: make load-azure install")


@contextmanager
def azure_beside(kubectl: Kubectl) -> Iterator[tuple[Bed, Accounts]]:
    """Run the bed for the Pods of `kubectl`'s namespace; raise OSError where they cannot reach it.

    A ConfigMap has the bed's authority, as a company hands out its own.
    """
    accounts = Accounts(kubectl)
    with azure_bed(address=ADDRESSES.host) as bed:
        bed.directory.review = accounts.review
        data = {"root.pem": bed.authority.alone.read_text()}
        bundle = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": BUNDLE}}
        kubectl.apply({**bundle, "data": data}, *_service(urlsplit(bed.proxy).port or 0))
        with _workload_identity(kubectl, bed):
            yield bed, accounts


def _service(port: int) -> tuple[Manifest, ...]:
    """Return a Service whose only endpoint is on the machine that the node runs on."""
    name = urlsplit(PROXY).hostname
    ports = [{"name": "proxy", "port": urlsplit(PROXY).port, "targetPort": port}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}
    labels = {"kubernetes.io/service-name": name}
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "proxy", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [ADDRESSES.host], "conditions": {"ready": True}}],
    }
    return {**service, "spec": {"ports": ports}}, endpoints


@contextmanager
def _workload_identity(kubectl: Kubectl, bed: Bed) -> Iterator[None]:
    """Do in this namespace what AKS' webhook does everywhere: a token for Pods that ask for one."""
    server = ThreadingHTTPServer((ADDRESSES.host, 0), _handler(lambda pod: _given(kubectl, pod)))
    context: ssl.SSLContext = bed.authority.server()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    name = f"workload-identity-{kubectl.namespace}"
    try:
        kubectl.apply(_webhook(name, kubectl.namespace, server.server_port, bed))
        yield
    finally:
        kind = "mutatingwebhookconfiguration"
        kubectl.run("delete", kind, name, "--ignore-not-found", "--wait=false")
        server.shutdown()
        server.server_close()
        thread.join(10)


def _webhook(name: str, namespace: str, port: int, bed: Bed) -> Manifest:
    bundle = base64.b64encode(bed.authority.alone.read_bytes()).decode()
    created = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    here = {"kubernetes.io/metadata.name": namespace}
    hook = {
        "name": "mutation.azure-workload-identity.io",
        "clientConfig": {"url": f"https://{ADDRESSES.host}:{port}/", "caBundle": bundle},
        "rules": [{**created, "operations": ["CREATE"]}],
        "namespaceSelector": {"matchLabels": here},
        "objectSelector": {"matchLabels": {"azure.workload.identity/use": "true"}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 30,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }


def _handler(given: Callable[[Manifest], Manifest]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            spec = given(review["request"]["object"])
            patch = json.dumps([{"op": "replace", "path": "/spec", "value": spec}]).encode()
            response = {
                "uid": review["request"]["uid"],
                "allowed": True,
                "patchType": "JSONPatch",
                "patch": base64.b64encode(patch).decode(),
            }
            body = json.dumps({**review, "request": None, "response": response}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: what comes here is nobody's news."""

    return Handler


def _given(kubectl: Kubectl, pod: Manifest) -> Manifest:
    """Return the Pod's spec with its account's token for Entra, and what SDKs read of it."""
    spec: Manifest = pod["spec"]
    account = kubectl.find("serviceaccount", spec["serviceAccountName"]) or {}
    notes = account.get("metadata", {}).get("annotations", {})
    variables = {
        "AZURE_CLIENT_ID": notes.get("azure.workload.identity/client-id", ""),
        "AZURE_TENANT_ID": entra.TENANT,
        "AZURE_FEDERATED_TOKEN_FILE": f"{_TOKENS}/{_FILE}",
        "AZURE_AUTHORITY_HOST": f"https://{entra.HOST}/",
    }
    token = {"audience": entra.AUDIENCE, "expirationSeconds": 3600, "path": _FILE}
    volume = {"name": _FILE, "projected": {"sources": [{"serviceAccountToken": token}]}}
    mount = {"name": _FILE, "mountPath": _TOKENS, "readOnly": True}
    changed: Manifest = {
        kind: [
            {
                **one,
                "env": [
                    *one.get("env", ()),
                    *({"name": k, "value": v} for k, v in variables.items()),
                ],
                "volumeMounts": [*one.get("volumeMounts", ()), mount],
            }
            for one in spec.get(kind, ())
        ]
        for kind in ("containers", "initContainers")
        if kind in spec
    }
    return {**spec, **changed, "volumes": [*spec.get("volumes", ()), volume]}
