"""The real Kueue takes our Jobs, and its words and ours go together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from apiserver import kueue
from apiserver.server import ApiServer, Client, _until_established
from comal_operator.core.plan import Apply, Manifest, WorkloadOf
from make import a_run, conditions
from training_world import World

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(900)]

Found = TypeVar("Found")
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_WORKLOADS = "/apis/kueue.x-k8s.io/v1beta2/namespaces/{}/workloads"
_JOBS = "/apis/batch/v1/namespaces/{}/jobs"


@pytest.fixture(scope="module")
def logged(server: ApiServer, admin: Client) -> Iterator[Callable[[], str]]:
    made = kueue.crds()
    for crd in made:
        admin.apply(f"{_CRDS}/{crd['metadata']['name']}", crd)
    for crd in made:
        _until_established(admin, f"{_CRDS}/{crd['metadata']['name']}")
    with kueue.running(server.kubeconfig("admin")) as log:
        yield log


class Queued:
    """One run in a queue: its decisions are ours, its Job and Workload are in the API server."""

    def __init__(self, operator: Client, namespace: str, name: str, queue: str) -> None:
        self._operator = operator
        self._namespace = namespace
        self._name = name
        run = a_run(name=name, queue=queue)
        run["spec"]["steps"][0]["resources"] = {"requests": {"cpu": 1}}
        self.world = World().add(run)
        self.world.settle(name)
        job = self._job_here()
        meta = {key: job["metadata"][key] for key in ("name", "labels")}
        made = operator.post(_JOBS.format(namespace), {**job, "metadata": meta})
        self._where = f"{_JOBS.format(namespace)}/{meta['name']}"
        self._keep(made)

    def job(self) -> Manifest:
        return self._operator.get(self._where)

    def workloads(self) -> tuple[Manifest, ...]:
        """Return Kueue's objects as the operator reads them."""
        label = f"kueue.x-k8s.io/job-uid={self.job()['metadata']['uid']}"
        listed = self._operator.get(_WORKLOADS.format(self._namespace), labelSelector=label)
        shape = {"apiVersion": kueue.API, "kind": "Workload"}
        return tuple({**shape, **item} for item in listed["items"])

    def look(self) -> dict[str, str]:
        """Decide on what is there now, write what that asks of Workloads; return Ready."""
        self._keep(self.job())
        self.world.answers[WorkloadOf(self.job()["metadata"]["uid"])] = self.workloads()
        for action in self.world.plan(self._name).actions:
            if isinstance(action, Apply):
                (manifest,) = action.manifests
                where = f"{_WORKLOADS.format(self._namespace)}/{manifest['metadata']['name']}"
                self._operator.apply(where, manifest, manager="comal-operator")
                return {"reason": "told"}
        self.world.settle(self._name)
        found = self.world.status(self._name)["conditions"]
        return next(dict(c) for c in found if c["type"] == "Ready")

    def says(self, **spec: Any) -> None:
        run = self.world.run(self._name)
        self.world.objects["TrainingRun", self._name] = {**run, "spec": {**run["spec"], **spec}}

    def conditions(self) -> dict[str, tuple[str, str]]:
        return conditions(self.world.status(self._name))

    def _job_here(self) -> Manifest:
        return next(job for (kind, _), job in self.world.objects.items() if kind == "Job")

    def _keep(self, job: Manifest) -> None:
        """Show the run its own Job as the API server has it, with the owner it has here."""
        here = self._job_here()["metadata"]
        meta = {**job["metadata"], "ownerReferences": here["ownerReferences"]}
        shape = {"apiVersion": "batch/v1", "kind": "Job"}
        self.world.add({**shape, **job, "metadata": {**meta, "namespace": "team"}})


def until(what: str, look: Callable[[], Found | None], logged: Callable[[], str]) -> Found:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: never; Kueue logged:\n{logged()}")


def test_one_waits_for_the_other_and_takes_its_place(
    server: ApiServer, admin: Client, namespace: str, logged: Callable[[], str]
) -> None:
    name = f"q-{namespace}"
    flavor, cluster_queue, local_queue = kueue.queue(name, namespace, cpu="1")
    base = f"/apis/{kueue.API}"
    admin.apply(f"{base}/resourceflavors/{name}", flavor)
    admin.apply(f"{base}/clusterqueues/{name}", cluster_queue)
    admin.apply(f"{base}/namespaces/{namespace}/localqueues/{name}", local_queue)
    operator = server.client("operator")

    first = Queued(operator, namespace, "first", name)
    until("the first admitted", lambda: not first.job()["spec"]["suspend"], logged)
    assert first.look()["reason"] == "Running"

    second = Queued(operator, namespace, "second", name)
    until("the second refused", lambda: "quota" in second.look()["message"], logged)
    ready = second.look()
    assert ready["reason"] == "WaitingInQueue"
    assert f"step train waits in queue {name}" in ready["message"]
    assert second.job()["spec"]["suspend"] is True

    # Suspending the first is told to Kueue, which stops its Job and starts the second's.
    first.says(suspend=True)
    assert first.look()["reason"] == "told"
    until("the first stopped", lambda: first.job()["spec"]["suspend"], logged)
    until("the second admitted", lambda: not second.job()["spec"]["suspend"], logged)
    first.look()
    assert first.conditions()["Suspended"][0] == "True"

    # Going on, it waits in its turn: nobody pushes the other out.
    first.says(suspend=False)
    assert first.look()["reason"] == "told"
    until("the first refused", lambda: first.look()["reason"] == "WaitingInQueue", logged)
    second.says(suspend=True)
    second.look()
    until("the first admitted again", lambda: not first.job()["spec"]["suspend"], logged)


def test_a_queue_that_does_not_exist_is_named(
    server: ApiServer, namespace: str, logged: Callable[[], str]
) -> None:
    lost = Queued(server.client("operator"), namespace, "lost", "nowhere")
    until("the queue is named", lambda: "nowhere" in lost.look()["message"], logged)
    found = until("Kueue's words", lambda: "doesn't exist" in lost.look()["message"], logged)
    assert found
    assert lost.look()["reason"] == "WaitingInQueue"
