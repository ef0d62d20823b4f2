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

    def ask(self, verb: str) -> None:
        """Ask about the candidate, as kubectl annotate does."""
        request = f"{verb}@{self.status['candidate']['revision']}#1"
        marks = {"comal.dev/request": request, "comal.dev/requested-by": "admin"}
        self._patch({"metadata": {"annotations": marks}}, "merge", fieldManager="kubectl-annotate")

    def take_over(self) -> None:
        """Do as Flux: what kubectl wrote counts as the tool's own, so an apply without it goes."""
        fields = self.get("ModelDeployment", "diabetes")["metadata"]["managedFields"]
        [own] = [one for one in fields if one["manager"] == GITOPS]
        others = [one for one in fields if one["manager"].startswith("kubectl")]
        for one in others:
            _merge(own["fieldsV1"], one["fieldsV1"])
        kept = [one for one in fields if one not in others]
        change = {"op": "replace", "path": "/metadata/managedFields", "value": kept}
        self._patch([change], "json")
        self._apply()

    def _patch(self, change: Any, manner: str, **query: str) -> None:
        status, answer = self.admin.call(
            "PATCH",
            self._path("ModelDeployment", "diabetes"),
            change,
            f"application/{manner}-patch+json",
            **query,
        )
        assert status == 200, answer["message"]

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


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        _merge(into.setdefault(key, {}), value)


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


def test_what_a_person_asks_outlasts_a_tool_that_takes_fields_over(
    admin: Client, namespace: str
) -> None:
    endpoint = InGit(admin, namespace, heals=True)
    endpoint.register(1)
    endpoint.settle()
    endpoint.register(2)
    endpoint.settle()
    candidate = endpoint.status["candidate"]["revision"]
    endpoint.ask("abort")
    endpoint.settle()
    endpoint.take_over()
    annotations = endpoint.get("ModelDeployment", "diabetes")["metadata"]["annotations"]
    assert annotations == {"why": "git"}, "Git has no request"
    for _ in range(3):
        endpoint.wait(31)
        endpoint.take_over()
    assert endpoint.ready() == "RolledBack"
    assert endpoint.status["stable"]["modelVersion"] == "diabetes-v1"
    assert [one["revision"] for one in endpoint.status["rejected"]] == [candidate]
    [heard] = endpoint.status["requests"]
    assert (heard["by"], "refused" in heard) == ("admin", False)


def test_the_comparison_sees_a_difference(admin: Client, namespace: str) -> None:
    endpoint = InGit(admin, namespace, heals=False)
    path = endpoint._path("ModelDeployment", "diabetes")
    admin.merge(path, {"metadata": {"labels": {"team": None}}})
    endpoint.compare()
    assert len(endpoint.differences) == 1
    admin.merge(path, {"spec": {"replicas": 3}})
    with pytest.raises(AssertionError, match="conflict"):
        endpoint.compare()
