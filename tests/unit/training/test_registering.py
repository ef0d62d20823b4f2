"""From the last step to the registered model: metrics, verdict, package, number."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Delete
from make import (
    a_gated_run,
    a_registry,
    a_version,
    an_ended_pod,
    an_object,
    ended_job,
    owned,
)
from training_moments import Moment, check_moment, gated
from training_world import ANSWERS, World


def reported(job: str, said: Any, *there: Any, **register: Any) -> World:
    """A run whose built-in `job` said that."""
    world = gated(*there, **register)
    for step in ("train", "comal-collect", "comal-convert", "comal-register"):
        world.settle()
        world.end(step, said=said if step == job else None)
        if step == job:
            break
    return world


def wrong(reason: str) -> dict[str, Any]:
    return {"metrics": {}, "error": {"reason": reason, "message": "metrics.json is wrong"}}


def mse(value: str) -> dict[str, Any]:
    return {"metrics": {"mse": value}, "error": None}


def error(reason: str, **more: Any) -> dict[str, Any]:
    return {"error": {"reason": reason, "message": "it says why"}, **more}


def job_fails(job: str) -> World:
    world = reported(job, "")
    world.add(an_ended_pod(world.job(job), code=75, said="the registry is away"))
    return world.add(ended_job(world.job(job), "Failed"))


def without_registry() -> World:
    world = World().add(a_gated_run(registry="elsewhere"))
    for step in ("train", "comal-collect", "comal-convert"):
        world.settle()
        world.end(step)
    return world


def with_slow_registry() -> World:
    world = World().add(a_gated_run(), a_registry(ready=False))
    world.register_everything(upto="comal-convert")
    return world


def done(*there: Any, **register: Any) -> World:
    world = gated(*there, **register)
    world.register_everything()
    world.settle()
    world.remember_numbers()
    return world


MOMENTS: dict[str, Moment] = {
    "steps done: metrics are read": (
        lambda: reported("train", ""),
        "Collecting",
        {"Reconciling"},
    ),
    "metrics read: the package is made": (
        lambda: reported("comal-collect", mse("3295.7")),
        "Converting",
        {"Reconciling", "GatePassed"},
    ),
    "package made: the model is pushed": (
        lambda: reported("comal-convert", None),
        "Registering",
        {"Reconciling", "GatePassed"},
    ),
    "a metrics file with NaN": (
        lambda: reported("comal-collect", mse("NaN")),
        "Rejected",
        {"Complete", "!GatePassed:MetricNotFinite", "!Registered"},
    ),
    "a metrics file with infinity": (
        lambda: reported("comal-collect", mse("-Infinity")),
        "Rejected",
        {"Complete", "!GatePassed:MetricNotFinite", "!Registered"},
    ),
    "a metrics file without the metric": (
        lambda: reported("comal-collect", {"metrics": {"r2": "0.3"}, "error": None}),
        "Rejected",
        {"Complete", "!GatePassed:MetricMissing", "!Registered"},
    ),
    "a metrics file with text": (
        lambda: reported("comal-collect", wrong("MetricsInvalid")),
        "Rejected",
        {"Complete", "!GatePassed:MetricsInvalid", "!Registered"},
    ),
    "no metrics file": (
        lambda: reported("comal-collect", wrong("MetricsMissing")),
        "Rejected",
        {"Complete", "!GatePassed:MetricsMissing", "!Registered"},
    ),
    "a metrics file of 10 MB": (
        lambda: reported("comal-collect", wrong("MetricsTooLarge")),
        "Rejected",
        {"Complete", "!GatePassed:MetricsTooLarge", "!Registered"},
    ),
    "equal is not better": (
        lambda: reported("comal-collect", mse("3298.8856"), a_version(1, mse="3298.8856")),
        "Rejected",
        {"Complete", "!GatePassed:NotBetter", "!Registered"},
    ),
    "a model folder without model.yaml": (
        lambda: reported("comal-convert", error("ModelInvalid")),
        "ModelInvalid",
        {"Stalled", "Failed", "GatePassed", "!Registered"},
    ),
    "a model that cannot be converted": (
        lambda: reported("comal-convert", error("ConversionFailed")),
        "ConversionFailed",
        {"Stalled", "Failed", "GatePassed", "!Registered"},
    ),
    "a package that is gone": (
        lambda: reported("comal-register", error("PackageMissing")),
        "PackageMissing",
        {"Stalled", "Failed", "GatePassed", "!Registered"},
    ),
    "a registry that refuses": (
        lambda: reported("comal-register", error("RegistryRefused")),
        "RegisterJobFailed",
        {"Stalled", "GatePassed"},
    ),
    "a collect Job without an answer": (
        lambda: job_fails("comal-collect"),
        "CollectJobFailed",
        {"Stalled"},
    ),
    "a convert Job without an answer": (
        lambda: job_fails("comal-convert"),
        "ConvertJobFailed",
        {"Stalled", "GatePassed"},
    ),
    "a register Job without an answer": (
        lambda: job_fails("comal-register"),
        "RegisterJobFailed",
        {"Stalled", "GatePassed"},
    ),
    "a registry that does not exist": (
        without_registry,
        "RegistryNotFound",
        {"Reconciling", "GatePassed"},
    ),
    "a registry that starts": (
        with_slow_registry,
        "WaitingForRegistry",
        {"Reconciling", "GatePassed"},
    ),
    "the first model": (done, "Registered", {"Complete", "GatePassed:FirstModel", "Registered"}),
    "a better model": (
        lambda: done(a_version(1, mse="3298.8856")),
        "Registered",
        {"Complete", "GatePassed:Better", "Registered"},
    ),
    "a worse model that is registered always": (
        lambda: done(a_version(1, mse="1"), when="Always"),
        "Registered",
        {"Complete", "!GatePassed:NotBetter", "Registered"},
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_moment(moment: str) -> None:
    check_moment(MOMENTS[moment])


def test_both_numbers_stand_in_the_message() -> None:
    world = reported("comal-collect", mse("3359.0750"), a_version(1, mse="3295.714948"))
    world.settle()

    ready = world.status()["conditions"][0]
    assert "3359.07" in ready["message"]
    assert "3295.71 of diabetes-v1" in ready["message"]
    assert world.status()["gate"]["decision"] == "Rejected"


def test_an_answer_that_is_gone_with_its_pod_is_fetched_again() -> None:
    world = reported("comal-collect", mse("3295.7"))
    job = world.job("comal-collect")
    del world.objects["Pod", f"{job['metadata']['name']}-pod"]

    [action] = world.plan().actions
    assert isinstance(action, Delete)
    assert action.uid == job["metadata"]["uid"]


def test_a_built_in_job_that_failed_is_tried_again_after_a_minute() -> None:
    world = job_fails("comal-register")
    assert world.settle().requeue_after is not None
    world.wait(seconds=61)

    [action] = world.plan().actions
    assert isinstance(action, Delete)


def test_the_run_tells_what_it_did() -> None:
    world = done(a_version(1, mse="3298.8856"))
    world.settle()
    status = world.status()
    assert status["metric"] == "mse=3295.71"
    assert status["metrics"] == ANSWERS["comal-collect"]["metrics"]
    assert status["gate"] == {
        "decision": "Passed",
        "candidate": "3295.714948",
        "baseline": {"version": "diabetes-v1", "value": "3298.8856", "measure": "Recorded"},
        "comparison": [
            {
                "metric": "mse",
                "candidate": "3295.714948",
                "baseline": "3298.8856",
                "rule": "lower by more than 0",
                "passed": True,
            }
        ],
    }


def test_only_the_register_job_sees_the_login_and_no_pod_a_token() -> None:
    world = done()
    jobs = {n: t["spec"]["template"]["spec"] for (k, n), t in world.objects.items() if k == "Job"}
    assert len(jobs) == 4
    for name, pod in jobs.items():
        secrets = [volume for volume in pod["volumes"] if "secret" in volume]
        assert bool(secrets) == ("comal-register" in name)
        assert pod["automountServiceAccountToken"] is False


def test_a_version_is_owned_by_nobody() -> None:
    world = done()
    version = world.objects["ModelVersion", "diabetes-v1"]
    assert "ownerReferences" not in version["metadata"]
    assert version["spec"]["lineage"]["run"]["uid"] == "uid-of-diabetes"


def test_a_version_tells_how_far_the_converted_model_is_from_the_original() -> None:
    world = done()
    version = world.objects["ModelVersion", "diabetes-v1"]
    assert version["spec"]["parity"] == {"maxDifference": "1e-05", "samples": 20}


def test_a_spoofed_pod_is_not_believed() -> None:
    world = reported("train", "")
    world.settle()
    job = world.job("comal-collect")
    spoof = an_ended_pod(job, said=mse("0.1"))
    world.add(owned(spoof, an_object("Job", "somebody-elses", api="batch/v1")))
    world.add(ended_job(job))
    assert "metrics" not in world.status()
    assert isinstance(world.plan().actions[0], Delete)
