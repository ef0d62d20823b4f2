"""Rights: of the operator, and of the people whom the cluster's own roles are given to."""

from __future__ import annotations

import pytest

from comal_operator.api.kinds import KINDS
from unit.manifests.built import Manifest, of_kind, one

PLURALS = {kind.plural for kind in KINDS}


def _rules(manifests: list[Manifest]) -> list[Manifest]:
    return [rule for role in of_kind(manifests, "Role", "ClusterRole") for rule in role["rules"]]


@pytest.fixture(params=["base", "namespaced"])
def rules(request: pytest.FixtureRequest) -> list[Manifest]:
    manifests: list[Manifest] = request.getfixturevalue(request.param)
    return _rules(manifests)


def test_no_right_is_a_wildcard(rules: list[Manifest]) -> None:
    for rule in rules:
        for part in ("apiGroups", "resources", "verbs"):
            assert not [value for value in rule[part] if "*" in value], rule


def test_nobody_reads_secrets(rules: list[Manifest]) -> None:
    for rule in rules:
        if "secrets" in rule["resources"]:
            assert not {"get", "list", "watch", "delete"} & set(rule["verbs"])


def test_nobody_gains_rights_or_shells(rules: list[Manifest]) -> None:
    for rule in rules:
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
        assert not {"pods/exec", "pods/attach", "pods/portforward"} & set(rule["resources"])
        assert "rbac.authorization.k8s.io" not in rule["apiGroups"]


def test_pods_are_looked_at_and_touched_but_never_made(rules: list[Manifest]) -> None:
    # The touch: a router's kubelet looks at its Secret when an annotation of its Pod changes. The
    # deletion: a training step's Pod on a node that is gone.
    for rule in rules:
        if "pods" in rule["resources"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch", "patch", "delete"}


@pytest.mark.parametrize("name", ["comal-view", "comal-edit"])
def test_people_get_every_kind_and_no_status(base: list[Manifest], name: str) -> None:
    role = one(base, "ClusterRole", name)
    resources = {resource for rule in role["rules"] for resource in rule["resources"]}

    # What `kubectl scale` writes belongs to whoever may edit.
    assert resources == PLURALS | ({"modeldeployments/scale"} if name == "comal-edit" else set())
    marks = {key.rpartition("-")[2] for key in role["metadata"]["labels"] if "aggregate" in key}
    assert marks >= {"edit", "admin"}
    assert ("view" in marks) == (name == "comal-view")


def test_editors_register_no_versions(base: list[Manifest]) -> None:
    for rule in one(base, "ClusterRole", "comal-edit")["rules"]:
        if "modelversions" in rule["resources"]:
            assert "create" not in rule["verbs"]
            assert "update" in rule["verbs"]
