"""Stands in for the Job controller and a kubelet: every Job gets one Pod that ends as scripted."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from comal_operator.core.names import LABEL_STEP
from comal_trainer.contract.check import Checked
from comal_trainer.contract.comparison import COMPARE_COMMAND, Compared
from comal_trainer.contract.images import RESOLVE_COMMAND, ResolvedImages
from comal_trainer.contract.smoke import Smoked
from crash.cluster import Body, Cluster

_NOW = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Ending:
    """How a step's container ends, after `lasts` seconds; one that `stays`, when its Job goes."""

    exit_code: int = 0
    message: str = ""
    stays: bool = False
    lasts: float = 0.0
    disrupted: bool = False
    """Whether its Pod was evicted, as the Job's policy then says."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """How the containers of a scenario end, by run and step; all others succeed."""

    metrics: Mapping[str, str] = field(default_factory=dict)
    """The mse that `collect` reports, by run."""
    baselines: Mapping[str, str] = field(default_factory=dict)
    """The mse that it reports of a version that was measured again, by version."""
    endings: Mapping[tuple[str, str], tuple[Ending, ...]] = field(default_factory=dict)
    """By run and step, for its first Job, its second, and so on."""
    never_ready: frozenset[str] = frozenset()
    """Model versions whose scoring Pods never become ready."""
    failing: frozenset[str] = frozenset()
    """Model versions that answer every request with 5xx; routers count only for it and `slow`."""
    slow: frozenset[str] = frozenset()
    """Model versions that take ten times as long as others for every answer."""
    queried: Checked | None = None
    """What Prometheus is found to say, whatever it is asked."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """What registries tell of tags, by the tag's place; by default they are not reached."""
    different: int = 0
    """How many of 40 answers to copies differ from stable's."""
    refused_records: int = 0
    """How many attempts to record a version in Azure ML are refused, of each version."""
    busy_pods: int = 1
    """How many Pods autoscalers want of every revision, within their bounds."""
    router_lag: float = 0.1
    """Seconds until the first router follows its Secret, and how much later the other does."""

    def ending(self, run: str, step: str, attempt: int, measured: str | None = None) -> Ending:
        """Return how the step's container ends in its `attempt`-th Job, counted from 0.

        `measured` is the version that the run's steps measured on its own data.
        """
        if step == RESOLVE_COMMAND:
            return Ending(message=ResolvedImages(self.digests).encode())
        given = self.endings.get((run, step), ())
        if attempt < len(given):
            return given[attempt]
        return Ending(message=self._report(run, step, measured))

    def _report(self, run: str, step: str, measured: str | None) -> str:
        if step.startswith("collect"):
            metrics = {"mse": self.metrics.get(run, "100")}
            again = self.baselines.get(measured or "")
            found = {"mse": again} if again else {}
            return json.dumps({"metrics": metrics, "error": None, "baseline": found})
        if step == "series":
            return json.dumps({"metrics": {}, "error": None})
        if step.startswith("seal-"):
            output = {"digest": f"sha256:{'5' * 64}", "size": 3, "files": 1}
            return json.dumps({"outputs": [output], "error": None})
        if step.startswith("restore-"):
            return json.dumps({"size": 3, "error": None})
        if step == COMPARE_COMMAND:
            said = f"{self.different} of 40 answers differ"
            return Compared("compared", said, 40, self.different, 0.5).encode()
        if step == "smoke":
            return Smoked(True, "HTTP 200").encode()
        if step == "check" and self.queried is not None:
            return self.queried.encode()
        if step == "convert":
            return json.dumps(CONVERTED)
        if step == "register":
            digest = hashlib.sha256(run.encode()).hexdigest()
            return json.dumps({"digest": f"sha256:{digest}", "size": 1, "files": 1, "error": None})
        return ""


CONVERTED: Body = {
    "format": "onnx",
    "sourceFormat": "sklearn-joblib",
    "contract": "data-matrix",
    "parity": {"maxDifference": "1e-06", "samples": 20, "proved": True},
    "signature": {
        "inputs": [{"name": "data", "dtype": "float32", "shape": [-1, 10]}],
        "outputs": [{"name": "result", "dtype": "float32", "shape": [-1, 1]}],
    },
    "labels": [],
    "error": None,
}


async def carry_out_job(cluster: Cluster, job: Body, ending: Ending, attempt: int) -> None:
    """Make the Job's Pod and let both end."""
    pod = await cluster.create(pod_of(job, attempt))
    if pod is None:
        return
    await cluster.merge(job, {"status": running_job_status(job)}, "status")
    if ending.stays:
        await cluster.merge(pod, {"status": running_pod_status(job)}, "status")
        return
    await asyncio.sleep(ending.lasts)
    await cluster.merge(pod, {"status": ended_pod_status(job, ending)}, "status")
    await cluster.merge(job, {"status": ended_job_status(job, ending)}, "status")


def step_of(job: Mapping[str, Any]) -> str:
    """Return the step that a Job carries out; of one that is no step's, what part it plays."""
    [*_, container] = job["spec"]["template"]["spec"]["containers"]
    for command in (COMPARE_COMMAND, RESOLVE_COMMAND):
        if command in container.get("args", ()):
            return command
    tags = job["metadata"]["labels"]
    name: str = tags.get(LABEL_STEP) or tags["app.kubernetes.io/component"]
    return name


def event_of(job: Mapping[str, Any]) -> Any:
    """Return the CloudEvent that a Job sends to a webhook."""
    [container] = job["spec"]["template"]["spec"]["containers"]
    [text] = [one for one in container["args"] if one.startswith("--event=")]
    return json.loads(text.removeprefix("--event=").replace("$$(", "$("))


def pod_of(job: Body, attempt: int) -> Body:
    template, meta = job["spec"]["template"], job["metadata"]
    # The real controller adds five letters by chance; ours must end alike, killed or not.
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{meta['name'][:57]}-{attempt}",
            "namespace": meta["namespace"],
            "labels": template["metadata"]["labels"],
            "ownerReferences": [controlled_by(job)],
        },
        "spec": template["spec"],
    }


def controlled_by(owner: Mapping[str, Any]) -> Body:
    """Return the reference that a controller puts on what it makes."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def running_pod_status(job: Body) -> Body:
    """Return the status of a Pod whose containers run since the Job was made."""
    running = {"startedAt": job["metadata"]["creationTimestamp"]}
    return {
        "phase": "Running",
        "startTime": _NOW,
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": True,
                "restartCount": 0,
                "state": {"running": running},
            }
            for container in job["spec"]["template"]["spec"]["containers"]
        ],
    }


def ended_pod_status(job: Body, ending: Ending) -> Body:
    terminated = {
        "exitCode": ending.exit_code,
        "reason": "Completed" if ending.exit_code == 0 else "Error",
        "message": ending.message,
        "startedAt": _NOW,
        "finishedAt": _NOW,
    }
    containers = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": terminated},
        }
        for container in job["spec"]["template"]["spec"]["containers"]
    ]
    phase = "Succeeded" if ending.exit_code == 0 else "Failed"
    return {"phase": phase, "startTime": _NOW, "containerStatuses": containers}


def running_job_status(job: Body) -> Body:
    return {"startTime": job["metadata"]["creationTimestamp"], "active": 1, "ready": 0}


def ended_job_status(job: Body, ending: Ending) -> Body:
    since = job["metadata"]["creationTimestamp"]
    first, last = ("SuccessCriteriaMet", "Complete")
    if ending.exit_code:
        first, last = "FailureTarget", "Failed"
    why = {"reason": "Scripted", "message": ""}
    if ending.disrupted:
        said = "has condition DisruptionTarget matching FailJob rule at index 0"
        why = {"reason": "PodFailurePolicy", "message": said}
    conditions = [
        {"type": kind, "status": "True", **why, **_times(since)} for kind in (first, last)
    ]
    counts = {"failed": 1} if ending.exit_code else {"succeeded": 1, "completionTime": since}
    return {"active": 0, "ready": 0, "conditions": conditions, "terminating": 0, **counts}


def _times(since: str) -> Body:
    return {"lastProbeTime": since, "lastTransitionTime": since}
