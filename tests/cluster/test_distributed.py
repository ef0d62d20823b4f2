"""Two workers train one model; one is killed, and both go on from the checkpoint."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cluster_words import a_run, a_step, wait_condition
from demo.kubectl import Kubectl, KubectlError, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

GANG = "comal.dev/step=train"
INDEX = "batch.kubernetes.io/job-completion-index"
SIZES = {
    "rows": "500",
    "train_rows": "400",
    "validation_rows": "50",
    "epochs": "12",
    "batch": "16",
    "words": "500",
    "checkpoint_steps": "10",
}
TRAINING = a_run(
    "gang",
    a_step("prepare", args=["compliance", "prepare"]),
    a_step(
        "train",
        role="Train",
        args=["compliance", "train"],
        distributed={"framework": "TensorFlow", "workers": 2},
        checkpoint={"path": "checkpoints/train", "graceSeconds": 20},
        outputs=["model/", "checkpoints/"],
        resources={"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}},
    ),
    a_step("evaluate", role="Evaluate", args=["compliance", "evaluate"]),
    parameters=SIZES,
)


@contextmanager
def watching(kubectl: Kubectl) -> Iterator[set[frozenset[str]]]:
    """Collect which attempts had Pods that were not over, at the same moment."""
    seen: set[frozenset[str]] = set()
    ends = threading.Event()

    def watch() -> None:
        while not ends.wait(0.3):
            try:
                pods = kubectl.items("pods", "-l", GANG)
            except KubectlError:
                continue
            alive = [pod for pod in pods if pod["status"]["phase"] not in ("Succeeded", "Failed")]
            seen.add(frozenset(pod["metadata"]["labels"]["comal.dev/attempt"] for pod in alive))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ends.set()
        thread.join()


def worker(kubectl: Kubectl, index: int) -> str:
    """Return the Pod of that worker in the first attempt, once it runs."""

    def look() -> str | None:
        pods = kubectl.items("pods", "-l", f"{GANG},comal.dev/attempt=1")
        found = [pod for pod in pods if pod["metadata"]["annotations"].get(INDEX) == str(index)]
        running = [pod for pod in found if pod["status"]["phase"] == "Running"]
        return str(running[0]["metadata"]["name"]) if running else None

    return wait_for(f"worker {index} running", look, seconds=240)


def test_one_killed_worker_restarts_the_gang_from_its_checkpoint(kubectl: Kubectl) -> None:
    kubectl.apply(TRAINING)
    chief, other = worker(kubectl, 0), worker(kubectl, 1)

    def saved() -> bool | None:
        try:
            listed = kubectl.run("exec", chief, "--", "sh", "-c", "ls $COMAL_CHECKPOINT_DIR")
        except KubectlError:
            return None
        return True if listed.strip() else None

    wait_for("a checkpoint", saved, seconds=300)
    with watching(kubectl) as alive:
        # As a node that dies would do it.
        kubectl.run("delete", "pod", other, "--grace-period=0", "--force")
        run = wait_condition(kubectl, "trun", "gang", ("Complete", "True"), seconds=500)
    assert all(len(attempts) <= 1 for attempts in alive), alive
    assert frozenset({"2"}) in alive

    prepare, train, evaluate = run["status"]["steps"]
    assert (train["state"], train["attempts"], train["interruptions"]) == ("Succeeded", 2, 1)
    assert int(train["resumedFrom"].rpartition(" ")[2]) >= 10
    assert "failures" not in train
    assert prepare["state"] == evaluate["state"] == "Succeeded"
    jobs = kubectl.items("jobs", "-l", GANG)
    assert [job["spec"]["completions"] for job in jobs] == [2, 2]
    assert len(kubectl.items("pods", "-l", f"{GANG},comal.dev/attempt=2")) == 2
