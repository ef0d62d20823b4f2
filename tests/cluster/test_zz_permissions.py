"""After all stories: RBAC refused the operator nothing, and grants no write it does not use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.paths import places

pytestmark = pytest.mark.cluster

ACCOUNT = "system:serviceaccount:comal-system:comal-operator"
ROLES = Path(__file__).resolve().parents[2] / "manifests" / "base" / "rbac.yaml"
Right = tuple[str, str, str]

# Written by server-side apply: the audit log says patch, but RBAC asks for create as well when
# the object is not there yet.
APPLIED = "patch"
# Rights that only a crash or a person's hand makes the operator use, which these stories do not
# wait for: a built-in Job that failed is deleted and made again.
RARE: frozenset[Right] = frozenset({("delete", "batch", "jobs")})
# What this cluster has no controller for; tests/apiserver tries them with real ones.
ELSEWHERE: frozenset[Right] = frozenset(
    (verb, group, resource)
    for group, resource in (
        ("gateway.networking.k8s.io", "httproutes"),
        ("kueue.x-k8s.io", "workloads"),
        ("networking.k8s.io", "ingresses"),
    )
    for verb in ("create", "patch", "delete")
)


def requests() -> Iterator[dict[str, Any]]:
    """Yield what the API server recorded of the operator's own account."""
    with places().audit_log.open() as lines:
        for line in lines:
            event = json.loads(line)
            if event["user"]["username"] == ACCOUNT and "resource" in event.get("objectRef", {}):
                yield event


def right_of(event: dict[str, Any]) -> Right:
    target = event["objectRef"]
    sub = f"/{target['subresource']}" if "subresource" in target else ""
    return event["verb"], target.get("apiGroup", ""), f"{target['resource']}{sub}"


def granted() -> set[Right]:
    rights: set[Right] = set()
    for manifest in yaml.safe_load_all(ROLES.read_text()):
        for rule in manifest.get("rules", ()):
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    rights |= {(verb, group, resource) for verb in rule["verbs"]}
    return rights


def test_rbac_is_what_the_stories_used() -> None:
    forbidden, used = [], set()
    for event in requests():
        used.add(right_of(event))
        if event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid":
            forbidden.append((*right_of(event), event["requestURI"]))
    used |= {("create", group, resource) for verb, group, resource in used if verb == APPLIED}

    writes = {right for right in granted() if right[0] not in ("get", "list", "watch")}
    assert forbidden == []
    assert writes - used - RARE - ELSEWHERE == set()
