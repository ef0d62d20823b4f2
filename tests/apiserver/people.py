"""Users of a real API server, with exactly the rights that a test grants them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from apiserver.attacks.attack import Request, a_run
from apiserver.server import OPERATOR, ApiServer, Client

_ADMISSION = Path(__file__).resolve().parents[2] / "manifests" / "admission"
_RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_RIGHT = re.compile(
    r"(?P<verb>\w+) (?P<resource>\w+)(\.(?P<group>[^/:]+))?(/(?P<sub>\w+))?(:(?P<name>.+))?"
)
_PATIENCE = 90.0


def install_admission(admin: Client) -> None:
    """Apply the policies and wait until the API server goes by them."""
    for file in yaml.safe_load((_ADMISSION / "kustomization.yaml").read_text())["resources"]:
        for manifest in yaml.safe_load_all((_ADMISSION / file).read_text()):
            bound = manifest["kind"].endswith("Binding")
            plural = f"validatingadmissionpolic{'ybindings' if bound else 'ies'}"
            root = f"/apis/admissionregistration.k8s.io/v1/{plural}"
            admin.apply(f"{root}/{manifest['metadata']['name']}", manifest)
    # The policy for runs is applied last and changes are taken up in order: once it holds, all do.
    probe = a_run(serviceAccountName="comal-operator")
    path = "/apis/comal.dev/v1alpha1/namespaces/default/trainingruns"
    give_up = time.monotonic() + _PATIENCE
    while admin.call("POST", path, probe, dryRun="All")[0] != 403:
        if time.monotonic() > give_up:
            raise AssertionError("the admission policies are not in force")
        time.sleep(0.1)


@dataclass(frozen=True)
class Person:
    """One user at work in one test's namespaces."""

    client: Client
    people: People

    def send(self, request: Request, validation: str = "Strict") -> tuple[int, dict[str, Any]]:
        """Return status and body of the answer."""
        return self.client.call(
            request.method,
            self.people.fill(request.path),
            json.loads(self.people.fill(json.dumps(request.body))),
            request.content,
            fieldValidation=validation,
            **({"fieldManager": "kubectl"} if request.method == "PATCH" else {}),
        )


class People:
    """The users of two namespaces that nobody else works in."""

    def __init__(self, server: ApiServer, suffix: str) -> None:
        self._server = server
        self._admin = server.client("admin")
        self._namespace = f"team-{suffix}"
        self._neighbour = f"next-{suffix}"
        for name in (self._namespace, self._neighbour):
            metadata = {"name": name}
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
            self._admin.post("/api/v1/namespaces", body)

    def fill(self, text: str) -> str:
        """Return `text` with the names of this test's namespaces."""
        return text.replace("{namespace}", self._namespace).replace("{neighbour}", self._neighbour)

    def of(self, user: str) -> Person:
        """Return that user, by impersonation: a token would say no more."""
        client = self._server.client("admin")
        client._session.headers["Impersonate-User"] = self.fill(user)
        return Person(client, self)

    def founder(self, request: Request) -> Person:
        """Return who may make what stands before an attack."""
        if "/modelversions" in request.path:
            return self.of(OPERATOR)
        return Person(self._admin, self)

    def grant(self, user: str, rights: Iterable[str], *, neighbour: bool = False) -> None:
        """Grant the rights by a Role of their own, and wait until the API server knows."""
        rights = tuple(rights)
        if not rights:
            return
        namespace = self._neighbour if neighbour else self._namespace
        named = {"generateName": "granted-"}
        rules = [_rule(right) for right in rights]
        role = self._admin.post(f"{_RBAC}/{namespace}/roles", {"metadata": named, "rules": rules})
        binding = {
            "metadata": named,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Role",
                "name": role["metadata"]["name"],
            },
            "subjects": [{"kind": "User", "name": self.fill(user)}],
        }
        self._admin.post(f"{_RBAC}/{namespace}/rolebindings", binding)
        for right in rights:
            self._until_known(self.fill(user), namespace, right)

    def _until_known(self, user: str, namespace: str, right: str) -> None:
        parts = _parts(right)
        attributes = {
            "namespace": namespace,
            "verb": parts["verb"],
            "group": parts["group"] or "",
            "resource": parts["resource"],
            "subresource": parts["sub"] or "",
            "name": parts["name"] or "",
        }
        review = {"spec": {"user": user, "resourceAttributes": attributes}}
        give_up = time.monotonic() + _PATIENCE
        while not self._admin.post(_REVIEWS, review)["status"]["allowed"]:
            if time.monotonic() > give_up:
                raise AssertionError(f"{user} was not granted {right}")
            time.sleep(0.02)


def _parts(right: str) -> Mapping[str, str | None]:
    found = _RIGHT.fullmatch(right)
    assert found is not None, right
    return found.groupdict()


def _rule(right: str) -> dict[str, Any]:
    parts = _parts(right)
    resource = "/".join(part for part in (parts["resource"], parts["sub"]) if part)
    rule = {
        "verbs": [parts["verb"]],
        "apiGroups": [parts["group"] or ""],
        "resources": [resource],
    }
    return rule | ({"resourceNames": [parts["name"]]} if parts["name"] else {})
