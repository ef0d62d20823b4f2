"""What a run survives: failures, evictions, lost nodes, hangs, people who stop it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster_words import a_run, a_step, condition, wait_condition
from comal_operator.core.conditions import timestamp
from demo.kubectl import Kubectl, Manifest, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}
SPOT = {"kubernetes.azure.com/scalesetpriority": "spot"}
# A shell as process 1 ignores SIGTERM unless it is told not to.
ENDURES = "trap 'exit 143' TERM; sleep 600 & wait $!"
SECOND_TIME = 'test "$COMAL_ATTEMPT" -ge 2 && exit 0; '
BEGUN = "test -e begun && test $(wc -l < prepared) = 1 && exit 0; touch begun; "
MEASURES = (
    'mkdir -p .comal/metrics && echo \'{"metrics": {"loss": 1}}\' > .comal/metrics/prepare.jsonl'
)

RUNS = (
    a_run(
        "retried",
        a_step(
            "train",
            'echo "this is attempt $COMAL_ATTEMPT"; test "$COMAL_ATTEMPT" -ge 3',
            retry={"failures": 2},
        ),
    ),
    a_run("fatal", a_step("train", "echo no such column; exit 64", retry={"failures": 5})),
    a_run("evicted", a_step("train", SECOND_TIME + ENDURES)),
    a_run(
        "unplaced",
        a_step(
            "train",
            "true",
            placement={"nodeSelector": {"comal.dev/nowhere": "true"}},
            timeouts={"pending": "8s"},
        ),
    ),
    a_run("silent", a_step("train", "echo and then nothing; " + ENDURES, timeouts={"stall": "6s"})),
    a_run(
        "chatty",
        a_step(
            "train",
            "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 1; done",
            timeouts={"stall": "6s"},
        ),
    ),
    a_run("overlong", a_step("train", ENDURES, timeouts={"running": "5s"})),
    a_run("paused", a_step("prepare", "echo once >> prepared"), a_step("train", BEGUN + ENDURES)),
    a_run("cancelled", a_step("prepare", MEASURES), a_step("train", ENDURES)),
    a_run("tidy", a_step("train", "true"), ttl={"children": "3s", "workspace": "3s"}),
    a_run("lenient", a_step("first", "exit 1", continueOnFailure=True), a_step("last", "true")),
    a_run("preset", a_step("train", "true", placement={"preset": "aks-spto"})),
)


@pytest.fixture(scope="module")
def runs(cluster: Kubectl) -> Iterator[Kubectl]:
    """A namespace in which all the runs have begun at once."""
    name = f"story-attempts-{uuid.uuid4().hex[:4]}"
    metadata = {"name": name, "labels": RESTRICTED}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    inside = cluster.within(name)
    for run in RUNS:
        inside.apply(run)
    yield inside
    cluster.run("delete", "namespace", name, "--wait=false")


def step(found: Manifest, index: int = 0) -> dict[str, Any]:
    """Return a step of the run's status."""
    steps: list[dict[str, Any]] = found["status"]["steps"]
    return steps[index]


def failed(kubectl: Kubectl, name: str, reason: str) -> tuple[Manifest, str]:
    """Return the run once it has failed for that reason, and what it says."""
    found = wait_condition(kubectl, "trun", name, ("Failed", "True"), reason=reason)
    return found, str(condition(found, "Failed")["message"])


def completed(kubectl: Kubectl, name: str) -> Manifest:
    """Return the run once it is complete."""
    return wait_condition(kubectl, "trun", name, ("Complete", "True"))


def pods(kubectl: Kubectl, run: str, name: str = "train") -> list[Manifest]:
    """Return the Pods of a step."""
    return kubectl.items("pods", "-l", f"comal.dev/training-run={run},comal.dev/step={name}")


def attempts(kubectl: Kubectl, run: str) -> list[Manifest]:
    """Return the Jobs of the user's steps."""
    mine = f"comal.dev/training-run={run},app.kubernetes.io/component=training-step"
    return kubectl.items("jobs", "-l", mine)


def running_pod(kubectl: Kubectl, run: str) -> Manifest:
    """Return the Pod of the run's train step once its container runs."""

    def look() -> Manifest | None:
        found = pods(kubectl, run)
        return next((pod for pod in found if pod["status"].get("phase") == "Running"), None)

    return wait_for(f"a running Pod of {run}", look)


def set_spec(kubectl: Kubectl, run: str, **fields: Any) -> None:
    """Change the run's spec as a person does."""
    kubectl.run("patch", "trun", run, "--type=merge", "-p", json.dumps({"spec": fields}))


def test_a_cancelled_run_stops_for_good(runs: Kubectl) -> None:
    running_pod(runs, "cancelled")
    set_spec(runs, "cancelled", cancel=True)
    found, text = failed(runs, "cancelled", "Cancelled")
    assert condition(found, "Ready")["status"] == "True"
    assert not condition(found, "Stalled")
    assert "after 1 of 2 steps" in text
    assert [one["state"] for one in found["status"]["steps"]] == ["Succeeded", "Stopped"]
    wait_for("its Pod to go", lambda: None if pods(runs, "cancelled") else True, seconds=60)
    # Nobody waited for it, and no step had told the operator of it.
    mine = "comal.dev/training-run=cancelled,app.kubernetes.io/component=training-series"
    wait_for("its series", lambda: runs.items("configmaps", "-l", mine) or None, seconds=150)


def test_a_suspended_run_goes_on_where_it_was(runs: Kubectl) -> None:
    running_pod(runs, "paused")
    set_spec(runs, "paused", suspend=True)
    found = wait_condition(runs, "trun", "paused", ("Suspended", "True"))
    assert condition(found, "Ready")["status"] == "True"
    jobs = runs.items("jobs", "-l", "comal.dev/training-run=paused,comal.dev/step=train")
    assert jobs == []

    set_spec(runs, "paused", suspend=False)
    found = completed(runs, "paused")
    assert [one["attempts"] for one in found["status"]["steps"]] == [1, 1]
    assert not condition(found, "Suspended")


def test_an_evicted_step_is_started_again(runs: Kubectl) -> None:
    name = running_pod(runs, "evicted")["metadata"]["name"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": runs.namespace},
    }
    path = f"/api/v1/namespaces/{runs.namespace}/pods/{name}/eviction"
    runs.run("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
    found = completed(runs, "evicted")
    assert (step(found)["attempts"], step(found)["interruptions"]) == (2, 1)
    assert step(found)["reason"] == "Disrupted"
    assert "failures" not in step(found)
    assert found["status"]["interruptions"] == 1


def test_a_fatal_exit_code_is_not_tried_again(runs: Kubectl) -> None:
    found, text = failed(runs, "fatal", "FatalExitCode")
    assert "exited with code 64" in text
    assert "no such column" in text
    assert (step(found)["attempts"], step(found)["exitCode"]) == (1, 64)
    assert len(attempts(runs, "fatal")) == 1


def test_a_step_that_nobody_can_place_gives_up_with_the_schedulers_words(runs: Kubectl) -> None:
    _, text = failed(runs, "unplaced", "PendingTimeout")
    assert "did not start within 8s (timeouts.pending)" in text
    assert "node affinity/selector" in text
    wait_for("its Pod to go", lambda: None if pods(runs, "unplaced") else True, seconds=60)


def test_a_step_that_hangs_is_stopped_and_one_that_talks_is_not(runs: Kubectl) -> None:
    found, text = failed(runs, "silent", "StepStalled")
    assert "for 6s (timeouts.stall)" in text
    assert "and then nothing" in str(step(found)["logTail"])
    assert step(completed(runs, "chatty"))["attempts"] == 1


def test_a_step_that_runs_too_long_is_stopped(runs: Kubectl) -> None:
    _, text = failed(runs, "overlong", "RunningTimeout")
    assert "ran longer than 5s (timeouts.running)" in text


def test_what_a_run_made_goes_in_its_time_and_the_run_stays(runs: Kubectl) -> None:
    completed(runs, "tidy")

    def is_tidy() -> bool | None:
        mine = ("-l", "comal.dev/training-run=tidy")
        return None if runs.items("jobs,pods,persistentvolumeclaims", *mine) else True

    wait_for("its Jobs, Pods and claim to go", is_tidy, seconds=180)
    assert condition(runs.find("trun", "tidy"), "Complete")["status"] == "True"


def test_a_failure_may_be_tolerated(runs: Kubectl) -> None:
    found = completed(runs, "lenient")
    assert [one["state"] for one in found["status"]["steps"]] == ["Failed", "Succeeded"]
    assert "first failed, as continueOnFailure allows" in condition(found, "Complete")["message"]


def test_an_unknown_preset_names_the_known_ones(runs: Kubectl) -> None:
    found = wait_condition(runs, "trun", "preset", ("Stalled", "True"), reason="PresetUnknown")
    assert "aks-gpu, aks-spot, aks-spot-gpu" in condition(found, "Stalled")["message"]


def test_a_step_is_tried_as_often_as_it_may_fail(runs: Kubectl) -> None:
    found = completed(runs, "retried")
    assert (step(found)["attempts"], step(found)["failures"]) == (3, 2)
    assert (step(found)["exitCode"], step(found)["reason"]) == (1, "StepFailed")
    assert "this is attempt 2" in step(found)["logTail"]
    numbers = [job["metadata"]["labels"]["comal.dev/attempt"] for job in attempts(runs, "retried")]
    assert sorted(numbers) == ["1", "2", "3"]


@pytest.fixture
def spot_node(cluster: Kubectl) -> Iterator[str]:
    """A node that no kubelet stands behind, marked and tainted as AKS does with spot nodes."""
    name = f"spot-{uuid.uuid4().hex[:4]}"
    taint = {"key": next(iter(SPOT)), "value": "spot", "effect": "NoSchedule"}
    labels = {**SPOT, "kubernetes.io/os": "linux", "kubernetes.io/hostname": name}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": [taint]},
        }
    )
    say_ready(cluster, name, "True")
    yield name
    cluster.run("delete", "node", name, "--ignore-not-found", "--wait=false")


def say_ready(cluster: Kubectl, node: str, status: str) -> None:
    """Write a node's status as its kubelet would."""
    at = timestamp(datetime.now(UTC))
    ready = {
        "type": "Ready",
        "status": status,
        "reason": "Test",
        "lastHeartbeatTime": at,
        "lastTransitionTime": at,
    }
    room = {"cpu": "4", "memory": "8Gi", "pods": "10", "ephemeral-storage": "10Gi"}
    said = {"status": {"conditions": [ready], "allocatable": room, "capacity": room}}
    cluster.run(
        *("patch", "node", node, "--subresource=status", "--type=merge"),
        *("-p", json.dumps(said)),
    )


@pytest.fixture
def anywhere(cluster: Kubectl, kubectl: Kubectl) -> Iterator[str]:
    """A claim on a volume that binds its Pods to no node."""
    name = f"{kubectl.namespace}-anywhere"
    room = {"storage": "64Mi"}
    modes = ["ReadWriteMany"]
    volume = {"capacity": room, "accessModes": modes, "storageClassName": name}
    where = {"hostPath": {"path": f"/var/lib/{name}", "type": "DirectoryOrCreate"}}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {**volume, **where, "persistentVolumeReclaimPolicy": "Retain"},
        }
    )
    asked = {"accessModes": modes, "storageClassName": name, "resources": {"requests": room}}
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "anywhere"},
            "spec": {**asked, "volumeName": name},
        }
    )
    yield "anywhere"
    cluster.run("delete", "persistentvolume", name, "--wait=false")


def on_spot(kubectl: Kubectl, claim: str, node: str) -> Manifest:
    """Return the Pod of a run that the scheduler has put on the spot node."""
    placement = {"preset": "aks-spot", "onDemandAfter": 1}
    script = "test $COMAL_ATTEMPT = 2"
    workspace = {"existingClaim": claim}
    kubectl.apply(a_run("spot", a_step("train", script, placement=placement), workspace=workspace))

    def look() -> Manifest | None:
        found = pods(kubectl, "spot")
        return next((pod for pod in found if pod["spec"].get("nodeName") == node), None)

    return wait_for(f"a Pod on {node}", look, seconds=60)


@pytest.mark.parametrize("end", ["vanishes", "goes silent"])
def test_a_step_on_a_lost_spot_node_goes_on_elsewhere(
    cluster: Kubectl, kubectl: Kubectl, anywhere: str, spot_node: str, end: str
) -> None:
    pod = on_spot(kubectl, anywhere, spot_node)["metadata"]
    if end == "vanishes":
        cluster.run("delete", "node", spot_node)
    else:
        say_ready(cluster, spot_node, "False")

    # The Pod has no kubelet that could end it: only force gets rid of it.
    found = wait_condition(kubectl, "trun", "spot", ("Complete", "True"), seconds=60)
    assert (step(found)["attempts"], step(found)["interruptions"]) == (2, 1)
    assert step(found)["reason"] == "NodeLost"
    assert step(found)["node"] != spot_node
    assert kubectl.find("pod", pod["name"]) is None
