"""The cluster: JSON in and out, with the kubeconfig that kubectl would use."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.config import ConfigException

from kubectl_comal.errors import ComalError, refusal

Object = dict[str, Any]
COMAL = "/apis/comal.dev/v1alpha1"
_SECONDS = 20
# Of a stream that goes on: to connect quickly, and then to wait for whatever comes.
_STREAM = (_SECONDS, None)
MANAGER = "kubectl-comal"


@dataclass(frozen=True)
class Cluster:
    """One cluster and namespace."""

    api: client.ApiClient
    namespace: str

    @classmethod
    def connect(cls, context: str | None, namespace: str | None) -> Cluster:
        """Return what the kubeconfig names; raise ComalError if it names nothing."""
        # Its own warnings about retries say less than our error at the end.
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        try:
            api = config.new_client_from_config(context=context)  # type: ignore[no-untyped-call]
            chosen = namespace or _namespace_of(context)
        except (ConfigException, OSError) as error:
            raise ComalError(_no_cluster(context, error)) from error
        return cls(api, chosen)

    def path(self, plural: str, name: str = "", *, root: str = COMAL) -> str:
        """Return the URL path of an object or list of the namespace."""
        tail = f"/{name}" if name else ""
        return f"{root}/namespaces/{self.namespace}/{plural}{tail}"

    def get(self, path: str, *, what: str, **query: str) -> Object:
        """Return the object there; raise ApiError if there is none."""
        return self._json("GET", path, what=what, query=query)

    def items(self, path: str, *, what: str, **query: str) -> list[Object]:
        """Return the objects of a list."""
        found: list[Object] = self.get(path, what=what, **query)["items"]
        return found

    def post(self, path: str, body: Mapping[str, Any], *, what: str) -> Object:
        """POST and return the answer."""
        return self._json("POST", path, what=what, body=dict(body))

    def merge(self, path: str, body: Mapping[str, Any], *, what: str) -> Object:
        """Merge-patch and return the object; None takes a field away."""
        return self._json(
            "PATCH",
            path,
            what=what,
            body=dict(body),
            content="application/merge-patch+json",
            query={"fieldManager": MANAGER},
        )

    def text(self, path: str, *, what: str, **query: str) -> str:
        """Return a text such as a log."""
        return str(self._call("GET", path, what=what, query=query).decode(errors="replace"))

    def stream(self, path: str, *, what: str, **query: str) -> Iterator[str]:
        """Yield the lines of a text as they come."""
        answer = self._open("GET", path, query=query, timeout=_STREAM)
        if answer.status >= 400:
            answer.read()
            raise refusal(answer.status, (answer.data or b"").decode(errors="replace"), what=what)
        rest = b""
        for piece in answer.response.stream(4096):
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
        if rest:
            yield rest.decode(errors="replace")

    def user(self) -> str | None:
        """Return who we are to the cluster; None where it does not tell."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        try:
            found = self.post(path, body, what="ask who you are")
        except ComalError:
            return None
        name = found.get("status", {}).get("userInfo", {}).get("username")
        return str(name) if name else None

    def _json(
        self,
        method: str,
        path: str,
        *,
        what: str,
        body: Object | None = None,
        content: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Object:
        raw = self._call(method, path, what=what, body=body, content=content, query=query)
        found: Object = json.loads(raw)
        return found

    def _call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        body: Object | None = None,
        content: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        answer = self._open(method, path, body=body, content=content, query=query)
        answer.read()
        data: bytes = answer.data or b""
        if answer.status >= 400:
            raise refusal(answer.status, data.decode(errors="replace"), what=what)
        return data

    def _open(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        content: str = "application/json",
        query: Mapping[str, str] | None = None,
        timeout: Any = _SECONDS,
    ) -> Any:
        accept = {"Accept": "application/json, */*", "Content-Type": content}
        request = self.api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=accept,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            return self.api.call_api(*request, _request_timeout=timeout)
        except (urllib3.exceptions.HTTPError, client.ApiException, OSError) as error:
            host = self.api.configuration.host
            raise ComalError(f"{host} does not answer: is the cluster up? ({error})") from error


def _namespace_of(context: str | None) -> str:
    contexts, active = config.list_kube_config_contexts()  # type: ignore[no-untyped-call]
    chosen = next((one for one in contexts if one["name"] == context), active)
    return str((chosen or {}).get("context", {}).get("namespace") or "default")


def _no_cluster(context: str | None, error: Exception) -> str:
    file = os.environ.get("KUBECONFIG") or "~/.kube/config"
    if context is not None:
        return f"the kubeconfig {file} has no usable context {context}: {error}"
    reason = str(error).rstrip(".")
    return f"no cluster: {reason}. Set KUBECONFIG (now {file}) or --context"
