"""The whole product once: train, register, serve; better through a canary; worse refused."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cluster_words import a_deployment, a_run, a_step, condition, key_of, score, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for
from demo.traffic import start_traffic

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

ROW = json.dumps({"data": [[0.03, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, -0.002, 0.02, -0.02]]})
GATE = {"metric": "mse", "goal": "Minimize"}


def diabetes(name: str, alpha: str) -> Manifest:
    """Return a run of the sample's two steps."""
    return a_run(
        name,
        a_step("train", role="Train", args=["diabetes", "train"]),
        a_step("evaluate", role="Evaluate", args=["diabetes", "evaluate"]),
        parameters={"alpha": alpha},
        gate=GATE,
        register={"model": "diabetes"},
    )


class Writers:
    """Watches who writes what on objects of ours, from the first moment to the last."""

    def __init__(self, kubectl: Kubectl, *kinds: str) -> None:
        self._processes = [
            subprocess.Popen(
                kubectl.argv(
                    *("get", kind, "--watch", "--output-watch-events", "--show-managed-fields"),
                    *("-o", "json"),
                ),
                stdout=subprocess.PIPE,
                text=True,
            )
            for kind in kinds
        ]
        self.seen: set[tuple[str, str]] = set()
        self._threads = [
            threading.Thread(target=self._read, args=(process,)) for process in self._processes
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            metadata = event["object"]["metadata"]
            for entry in metadata.get("managedFields", []):
                if entry["manager"] != "comal-operator":
                    continue
                for part in entry.get("fieldsV1", {}):
                    self.seen.add((event["object"]["kind"], part))
            if metadata.get("finalizers"):
                self.seen.add((event["object"]["kind"], "finalizers"))

    def stop(self) -> set[tuple[str, str]]:
        """End the watches and return (kind, part of the object) that the operator wrote."""
        for process in self._processes:
            process.terminate()
            process.wait(timeout=10)
        for thread in self._threads:
            thread.join(timeout=10)
        for process in self._processes:
            if process.stdout is not None:
                process.stdout.close()
        return self.seen


@pytest.fixture
def writers(kubectl: Kubectl) -> Iterator[Writers]:
    watching = Writers(kubectl, "trainingruns", "modeldeployments")
    yield watching
    watching.stop()


def weights(found: Mapping[str, Any]) -> str:
    return str(found.get("status", {}).get("weight", ""))


def no_difference(kubectl: Kubectl, manifest: Manifest) -> bool:
    """Return whether a server-side dry-run of Git's manifest would change nothing."""
    live = kubectl.find(manifest["kind"].lower(), manifest["metadata"]["name"])
    assert live is not None
    text = json.dumps(manifest)
    dry = json.loads(
        kubectl.run(
            *("apply", "--server-side", "--field-manager=git", "--dry-run=server"),
            *("-f", "-", "-o", "json"),
            stdin=text,
        )
    )
    return bool(
        dry["spec"] == live["spec"]
        and dry["metadata"]["generation"] == live["metadata"]["generation"]
    )


def test_from_apply_to_a_scored_answer(
    kubectl: Kubectl, images: dict[str, str], writers: Writers
) -> None:
    rollout = {
        "steps": [{"percent": "10", "for": "8s"}, {"percent": "50", "for": "5s"}],
        "bake": "5s",
    }
    endpoint = a_deployment(
        "diabetes",
        model={"name": "diabetes", "latest": True},
        rollout=rollout,
        revisionHistoryLimit=0,
        access={},
    )
    first, better, worse = (
        diabetes("alpha-05", "0.5"),
        diabetes("alpha-04", "0.4"),
        diabetes("alpha-09", "0.9"),
    )

    # An endpoint may be asked for before there is a model: it says what it waits for.
    kubectl.apply(endpoint)
    wait_condition(kubectl, "mdep", "diabetes", ("ModelResolved", "False"), reason="ModelNotFound")

    kubectl.apply(first)
    run = wait_condition(kubectl, "trun", "alpha-05", ("Complete", "True"), seconds=240)
    assert round(float(run["status"]["metrics"]["mse"]), 4) == 3298.8856
    assert condition(run, "GatePassed")["status"] == "True"
    assert no_difference(kubectl, first)

    found = wait_condition(kubectl, "mdep", "diabetes", ("Ready", "True"), seconds=180)
    assert found["status"]["stable"]["modelVersion"] == "diabetes-v1"
    url, keys = found["status"]["url"], found["status"]["keysSecret"]
    assert score(kubectl, images["scorer"], url, ROW)[0] == 401
    key = key_of(kubectl, found)
    status, answer = score(kubectl, images["scorer"], url, ROW, key=key)
    assert status == 200
    assert isinstance(json.loads(answer)["result"][0], float)

    traffic = start_traffic(
        kubectl, "callers", image=images["scorer"], url=url, body=ROW, rate=30, keys=keys
    )
    kubectl.apply(better)
    run = wait_condition(kubectl, "trun", "alpha-04", ("Complete", "True"), seconds=240)
    assert round(float(run["status"]["metrics"]["mse"]), 4) == 3295.7149
    assert run["status"]["modelVersion"] == "diabetes-v2"

    steps_seen: set[str] = set()

    def promoted() -> bool | None:
        now = kubectl.find("mdep", "diabetes")
        assert now is not None
        steps_seen.add(weights(now))
        assert no_difference(kubectl, endpoint)
        stable = now["status"].get("stable", {}).get("modelVersion")
        return (
            True
            if stable == "diabetes-v2" and condition(now, "Ready")["status"] == "True"
            else None
        )

    wait_for("diabetes-v2 promoted", promoted, seconds=180)
    assert {"10", "50"} <= steps_seen

    totals = traffic.totals()
    assert totals.versions.keys() >= {"1", "2"}

    kubectl.apply(worse)
    run = wait_condition(kubectl, "trun", "alpha-09", ("Complete", "True"), seconds=240)
    gate = condition(run, "GatePassed")
    assert gate["status"] == "False"
    assert "3359.0" in gate["message"]
    assert "3295.71" in gate["message"]
    assert condition(run, "Ready")["status"] == "True"
    assert [v["metadata"]["name"] for v in kubectl.items("mver")] == ["diabetes-v1", "diabetes-v2"]

    totals = traffic.stop()
    assert totals.lost == 0, totals.failures
    assert totals.sent > 500

    # Pruning a run keeps its version; deleting all leaves no child behind.
    kubectl.run("delete", "trun", "--all")
    assert len(kubectl.items("mver")) == 2

    written = writers.stop()
    assert written == {("TrainingRun", "f:status"), ("ModelDeployment", "f:status")}
