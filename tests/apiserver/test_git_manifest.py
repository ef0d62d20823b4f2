"""What Git holds is what the cluster has, at every write of a rollout.

A server-side dry-run of the manifest, as Argo CD and Flux make it, shows no difference; an apply of
it by somebody who heals each second changes no outcome.
"""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.server import Client
from apiserver.test_serving_children import SPEC, Endpoint
from comal_operator.core.plan import Action

pytestmark = pytest.mark.apiserver

GITOPS = "argocd-controller"
MANIFEST = {
    "apiVersion": "comal.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "diabetes", "labels": {"team": "a"}, "annotations": {"why": "git"}},
    "spec": SPEC,
}


class InGit(Endpoint):
    """The endpoint, compared with Git after each write and each move of the cluster."""

    def __init__(self, admin: Client, namespace: str, *, heals: bool) -> None:
        super().__init__(admin, namespace)
        self.heals = heals
        self.compared = 0
        self.differences: list[tuple[Any, Any]] = []
        self._apply()

    def _carry_out(self, action: Action) -> None:
        super()._carry_out(action)
        self.compare()

    def move(self) -> bool:
        moved = super().move()
        self.compare()
        return moved

    def compare(self) -> None:
        live = self.get("ModelDeployment", "diabetes")
        would_be = self._apply(dryRun="All")
        self.compared += 1
        if _shown(would_be) != _shown(live):
            self.differences.append((live, would_be))
        if self.heals:
            self._apply()

    def _apply(self, **query: str) -> dict[str, Any]:
        # Not forced: a field that somebody else has taken would be a conflict, and fail.
        status, answer = self.admin.call(
            "PATCH",
            self._path("ModelDeployment", "diabetes"),
            MANIFEST,
            "application/apply-patch+yaml",
            fieldManager=GITOPS,
            **query,
        )
        assert status == 200, answer["message"]
        return answer


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    """Return all of it, resourceVersion and status too, but for who wrote what when."""
    meta = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": meta}


@pytest.mark.parametrize("heals", [False, True])
def test_a_dry_run_of_git_shows_no_difference_at_any_write_of_a_rollout(
    admin: Client, namespace: str, *, heals: bool
) -> None:
    endpoint = InGit(admin, namespace, heals=heals)
    endpoint.register(1)
    endpoint.settle()
    endpoint.register(2)
    endpoint.settle()
    assert endpoint.status["weight"] == "10"
    for _ in range(5):
        endpoint.wait(31)
    assert endpoint.ready() == "Serving"
    assert endpoint.status["stable"]["modelVersion"] == "diabetes-v2"
    assert endpoint.compared > 30
    assert endpoint.differences == []


def test_the_comparison_sees_a_difference(admin: Client, namespace: str) -> None:
    endpoint = InGit(admin, namespace, heals=False)
    path = endpoint._path("ModelDeployment", "diabetes")
    admin.merge(path, {"metadata": {"labels": {"team": None}}})
    endpoint.compare()
    assert len(endpoint.differences) == 1
    admin.merge(path, {"spec": {"replicas": 3}})
    with pytest.raises(AssertionError, match="conflict"):
        endpoint.compare()
