"""A run says how far it is while it trains, and keeps the words of what failed."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from cluster_words import a_run, a_step, wait_condition
from demo.kubectl import Kubectl, Manifest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# The step goes on once the test has seen what it said.
SLOW = (
    "import pathlib, time\n"
    "def wait(name):\n"
    "    while not pathlib.Path('/tmp', name).exists():\n"
    "        time.sleep(0.2)\n"
    "from comal_trainer.heartbeat import Heartbeat\n"
    "with Heartbeat() as heartbeat:\n"
    "    heartbeat.report(percent=40, epoch='2/5', step=80, eta_seconds=90,\n"
    "                     metrics={'loss': 0.4}, resumed_from='step 60')\n"
    "    wait('first')\n"
    "    heartbeat.report(percent=80, epoch='4/5', step=160, metrics={'loss': 0.2, 'auc': 0.9})\n"
    "    wait('second')\n"
)
# What another language would do: no client, only the series; and a loud end.
SERIES = (
    'mkdir -p .comal/metrics && printf \'{"time": "%s", "step": 1, "epoch": null,'
    ' "metrics": {"rows": 120, "mse": 3}}\\n\' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"'
    " >> .comal/metrics/$COMAL_STEP.jsonl"
)


TELLS = (
    'mkdir -p .comal/progress && echo \'{"percent": 40, "epoch": "2/5"}\' > .comal/progress/new'
    " && mv .comal/progress/new .comal/progress/$COMAL_STEP.json"
)


def seen(kubectl: Kubectl, name: str, what: str) -> None:
    """Let the step of run `name` go on."""
    label = f"comal.dev/training-run={name},comal.dev/step=train"
    (pod,) = kubectl.items("pods", "-l", label)
    path = f"/tmp/{what}"  # noqa: S108 - the container's own
    kubectl.run("exec", pod["metadata"]["name"], "-c", "step", "--", "touch", path)


def wait_percent(kubectl: Kubectl, name: str, percent: int) -> Manifest:
    def look(found: Manifest) -> Manifest | None:
        told = found.get("status", {}).get("progress", {})
        return found if told.get("percent") == percent else None

    return kubectl.until(f"{name} at {percent} %", look, kind="trun", name=name)


def test_a_step_is_followed_while_it_runs(kubectl: Kubectl) -> None:
    steps = (a_step("train", command=["python", "-c", SLOW]), a_step("evaluate", SERIES))
    kubectl.apply(a_run("followed", *steps))
    status = wait_percent(kubectl, "followed", 20)["status"]
    assert status["progress"]["epoch"] == "2/5"
    assert status["progress"]["etaSeconds"] == 90
    assert status["progress"]["text"] == "20% 1m"
    assert status["metrics"] == {"loss": "0.4"}
    assert status["steps"][0]["resumedFrom"] == "step 60"
    shown = kubectl.run("get", "trainingrun", "followed")
    assert "20% 1m" in shown

    seen(kubectl, "followed", "first")
    status = wait_percent(kubectl, "followed", 40)["status"]
    assert status["metrics"] == {"auc": "0.9", "loss": "0.2"}
    seen(kubectl, "followed", "second")

    done = wait_condition(kubectl, "trainingrun", "followed", ("Complete", "True"))["status"]
    assert done["progress"] == {"text": "100%", "percent": 100}
    assert done["metrics"] == {"auc": "0.9", "loss": "0.2"}
    assert done["steps"][0]["resumedFrom"] == "step 60"

    # It registers nothing, so that nothing collects: the series is kept before it ends.
    labels = "comal.dev/training-run=followed,app.kubernetes.io/component=training-series"
    (kept,) = json.loads(kubectl.run("get", "configmaps", "-l", labels, "-o", "json"))["items"]
    packed = base64.b64decode(kept["binaryData"]["metrics.jsonl.gz"])
    lines = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    told = [line["metrics"] for line in lines if line["from"] == "train"]
    assert told == [{"loss": 0.4}, {"loss": 0.2, "auc": 0.9}]


def test_a_step_that_only_writes_files_is_followed_and_collected(kubectl: Kubectl) -> None:
    script = f"{TELLS}; {SERIES}; until [ -e /tmp/told ]; do sleep 0.2; done"
    kubectl.apply(
        a_run(
            "series",
            a_step("train", script, progress={"from": "File"}),
            gate={"metric": "mse", "goal": "Minimize", "threshold": "1"},
            register={"model": "series"},
        )
    )
    status = wait_percent(kubectl, "series", 40)["status"]
    assert status["progress"]["epoch"] == "2/5"
    assert status["metrics"] == {"mse": "3", "rows": "120"}
    seen(kubectl, "series", "told")
    # What is beside the step ends with it: else its Job would not, and nothing were collected.
    done = wait_condition(kubectl, "trainingrun", "series", ("Complete", "True"))["status"]
    assert done["metrics"] == {"mse": "3", "rows": "120"}
    assert done["gate"]["decision"] == "Rejected"


def test_a_failed_attempt_leaves_its_log(kubectl: Kubectl) -> None:
    loud = "seq 1 4000; echo attempt $COMAL_ATTEMPT is over; exit 3"
    kubectl.apply(a_run("failing", a_step("train", loud, retry={"failures": 1})))
    wait_condition(kubectl, "trainingrun", "failing", ("Failed", "True"))
    kubectl.run("delete", "pods", "-l", "comal.dev/training-run=failing", "--wait=true")
    labels = "comal.dev/training-run=failing,app.kubernetes.io/component=training-log"
    kept = json.loads(kubectl.run("get", "configmaps", "-l", labels, "-o", "json"))["items"]
    logs = {one["metadata"]["labels"]["comal.dev/attempt"]: one["data"]["log"] for one in kept}
    assert logs.keys() == {"1", "2"}
    for attempt, log in logs.items():
        assert f"attempt {attempt} is over" in log
        assert "\n4000\n" in log
        assert len(log) <= 16384
