"""Scoring a file against an endpoint, or one revision of it, from wherever kubectl works.

Through a port-forward rather than the API server's proxy: that one takes the Authorization header
for itself, and NetworkPolicies let only routers reach scoring Pods.
"""

from __future__ import annotations

import base64
import http.client
import mimetypes
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kubernetes import client
from kubernetes.stream import portforward
from websocket import WebSocketException

from kubectl_comal.cluster import Cluster, Object
from kubectl_comal.errors import ComalError
from kubectl_comal.logs import revision_of
from kubectl_comal.objects import Found

# Routers and scoring Pods listen on the same one.
_PORT = 8080


@dataclass(frozen=True)
class Reply:
    """What was answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    pod: str
    seconds: float


def read_file(name: str) -> tuple[bytes, str]:
    """Return a file's bytes and type, - for standard input; raise ComalError if it is not there."""
    if name == "-":
        return sys.stdin.buffer.read(), "application/json"
    try:
        body = Path(name).read_bytes()
    except OSError as error:
        raise ComalError(f"cannot read {name}: {error.strerror}") from error
    return body, mimetypes.guess_type(name)[0] or "application/json"


def invoke(
    cluster: Cluster,
    found: Found,
    body: bytes,
    *,
    part: str | None,
    path: str,
    headers: Mapping[str, str],
    seconds: float,
) -> Reply:
    """POST `body` to the endpoint as callers do, or to one Pod of the revision `part`."""
    pod = _pod(cluster, found, part)
    key = _key(cluster, found) if part is None and "authorization" not in headers else {}
    connection = http.client.HTTPConnection(
        f"{found.name}.{cluster.namespace}.svc", timeout=seconds
    )
    try:
        forward = portforward(
            client.CoreV1Api(cluster.api).connect_get_namespaced_pod_portforward,
            pod,
            cluster.namespace,
            ports=str(_PORT),
        )
        connection.sock = _connected(forward.socket(_PORT), found, part)
        connection.sock.settimeout(seconds)
        started = time.monotonic()
        connection.request("POST", path, body, {**headers, **key})
        answer = connection.getresponse()
        content = answer.read()
        told = {key.lower(): value for key, value in answer.getheaders()}
    except (client.ApiException, WebSocketException) as error:
        raise ComalError(
            f"cannot reach Pod {pod} (may you create pods/portforward?): {error}"
        ) from error
    except TimeoutError as error:
        raise ComalError(f"{pod} has not answered within {seconds:g} s") from error
    except (http.client.HTTPException, OSError) as error:
        raise ComalError(f"{pod} closed the connection: {error}") from error
    finally:
        connection.close()
    return Reply(answer.status, content, told, pod, time.monotonic() - started)


def _pod(cluster: Cluster, found: Found, part: str | None) -> str:
    """Return a ready Pod: a router, as callers meet it, or one of the revision."""
    label = f"comal.dev/model-deployment={found.name},app.kubernetes.io/component="
    label += "router" if part is None else f"scorer,comal.dev/revision={revision_of(found, part)}"
    path = cluster.path("pods", root="/api/v1")
    pods = cluster.items(path, what="list Pods", labelSelector=label)
    ready = [one for one in pods if _is_ready(one)]
    if not ready:
        what = "router" if part is None else f"Pod of {part}"
        raise ComalError(f"no {what} of {found.name} is ready ({len(pods)} are there)")
    return str(ready[0]["metadata"]["name"])


def _key(cluster: Cluster, found: Found) -> Mapping[str, str]:
    """Return the header that lets in; none where callers need none."""
    name = found.status.get("keysSecret")
    if not name:
        return {}
    what = f"read Secret {name}, where the keys of {found.name} are; -H authorization:… gives one"
    data = cluster.get(cluster.path("secrets", name, root="/api/v1"), what=what).get("data") or {}
    if "primary" not in data:
        raise ComalError(f"Secret {name} has no key `primary`")
    return {"authorization": f"Bearer {base64.b64decode(data['primary']).decode()}"}


def _connected(plain: socket.socket, found: Found, part: str | None) -> socket.socket:
    """Return the connection as callers have it: https where the routers speak it."""
    if part is not None or not (found.body["spec"].get("access") or {}).get("tls"):
        return plain
    # The API server has taken us to that very Pod; its certificate is for another name.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    going = "deletionTimestamp" in pod["metadata"]
    return not going and any(
        one["type"] == "Ready" and one["status"] == "True" for one in conditions
    )
