"""What Argo CD makes of an object: by the ConfigMap that we ship, in the interpreter it uses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from cluster.commands import run
from cluster.kubectl import kubectl
from cluster.paths import REPOSITORY, places
from gitops_eyes import eyes

Object = Mapping[str, Any]
SHIPPED = REPOSITORY / "manifests" / "gitops" / "argo-cd"


@cache
def config_map() -> dict[str, Any]:
    """Return what `kubectl apply -k` lays into Argo CD's namespace: one ConfigMap."""
    [made] = yaml.safe_load_all(run([kubectl(places()), "kustomize", SHIPPED]))
    return dict(made)


def argo_health(thing: Object) -> tuple[str, str]:
    """Return the health that Argo CD shows, and its message."""
    return eyes().argo_health(thing, _customization("health", thing))


def argo_actions(thing: Object) -> set[str]:
    """Return which actions may be chosen."""
    discovery = _actions(thing)["discovery.lua"]
    return {name for name, possible in eyes().argo_actions(thing, discovery).items() if possible}


def argo_patch(thing: Object, action: str) -> Any:
    """Return the merge patch that the action sends."""
    [script] = [
        one["action.lua"] for one in _actions(thing)["definitions"] if one["name"] == action
    ]
    return eyes().argo_patch(thing, script)


def defined_actions(thing: Object) -> set[str]:
    """Return the names of all that have a script."""
    return {one["name"] for one in _actions(thing)["definitions"]}


def _actions(thing: Object) -> dict[str, Any]:
    return dict(yaml.safe_load(_customization("actions", thing)))


def _customization(what: str, thing: Object) -> str:
    # Group, underscore, kind: https://argo-cd.readthedocs.io/en/stable/operator-manual/health/
    group = thing["apiVersion"].partition("/")[0]
    return str(config_map()["data"][f"resource.customizations.{what}.{group}_{thing['kind']}"])
