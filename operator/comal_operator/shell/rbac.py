"""Write the operator's rights: `python -m comal_operator.shell.rbac MANIFESTS`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from comal_operator.core.names import FIELD_MANAGER, labels
from comal_operator.shell.permissions import CALLS, CLUSTER_CALLS, OWN_CALLS, Calls

_API = "rbac.authorization.k8s.io"
_HEADER = "# Generated from CALLS in operator/comal_operator/shell/permissions.py; do not edit.\n"
# Where the operator lives; kustomize's `namespace:` moves it.
_HOME = "comal-system"

# Kubernetes can bind a name to these verbs only: what is created has no name to check yet.
_BY_NAME = ("get", "update")


def rbac_files() -> dict[str, str]:
    """Return text by path below manifests/; an overlay makes a namespace's of it."""
    manifests = (
        _role("ClusterRole", FIELD_MANAGER, None, _rules(CALLS)),
        _binding("ClusterRole", FIELD_MANAGER, None),
        _role("ClusterRole", f"{FIELD_MANAGER}-cluster", None, _rules(CLUSTER_CALLS)),
        _binding("ClusterRole", f"{FIELD_MANAGER}-cluster", None),
        _role("Role", f"{FIELD_MANAGER}-lease", _HOME, _lease_rules()),
        _binding("Role", f"{FIELD_MANAGER}-lease", _HOME),
    )
    return {"base/rbac.yaml": _text(manifests)}


def _rules(table: Iterable[Calls]) -> list[dict[str, Any]]:
    return [
        {"apiGroups": [calls.group], "resources": [calls.resource], "verbs": sorted(calls.verbs)}
        for calls in table
    ]


def _lease_rules() -> list[dict[str, Any]]:
    split = []
    for calls in OWN_CALLS:
        free = tuple(verb for verb in calls.verbs if verb not in _BY_NAME)
        split += _rules((Calls(calls.group, calls.resource, free),))
        named = tuple(verb for verb in calls.verbs if verb in _BY_NAME)
        for rule in _rules((Calls(calls.group, calls.resource, named),)):
            split.append({**rule, "resourceNames": [FIELD_MANAGER]})
    return split


def _role(kind: str, name: str, namespace: str | None, rules: list[dict[str, Any]]) -> Any:
    return {
        "apiVersion": f"{_API}/v1",
        "kind": kind,
        "metadata": _metadata(name, namespace),
        "rules": rules,
    }


def _binding(kind: str, name: str, namespace: str | None) -> Any:
    return {
        "apiVersion": f"{_API}/v1",
        "kind": f"{kind}Binding",
        "metadata": _metadata(name, namespace),
        "roleRef": {"apiGroup": _API, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": FIELD_MANAGER, "namespace": _HOME}],
    }


def _metadata(name: str, namespace: str | None) -> dict[str, Any]:
    scope = {"namespace": namespace} if namespace else {}
    return {"name": name, **scope, "labels": labels("operator")}


def _text(manifests: Iterable[Any]) -> str:
    return _HEADER + yaml.safe_dump_all(manifests, sort_keys=False)


def main(folder: Path) -> None:
    """Write every file of `rbac_files` below `folder`."""
    for name, text in rbac_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "manifests"))
