"""The metric of what is wrong with whom keeps step with the objects."""

from __future__ import annotations

from typing import Any

from prometheus_client import REGISTRY

from comal_operator.shell.cache import Cache, ObjectKey
from make import an_object

NAME = "comal_object_trouble"


def an_endpoint(version: int, **conditions: tuple[str, str]) -> dict[str, Any]:
    said = [
        {"type": kind, "status": status, "reason": reason}
        for kind, (status, reason) in conditions.items()
    ]
    thing = an_object("ModelDeployment", "watched", status={"conditions": said})
    thing["metadata"]["resourceVersion"] = str(version)
    return thing


def shown() -> set[tuple[str, str]]:
    return {
        (sample.labels["condition"], sample.labels["reason"])
        for metric in REGISTRY.collect()
        if metric.name == NAME
        for sample in metric.samples
        if sample.labels["name"] == "watched"
    }


def test_a_series_for_each_trouble_and_none_without() -> None:
    cache = Cache()
    cache.hear(an_endpoint(1, Ready=("False", "Deploying"), Reconciling=("True", "Deploying")))
    assert shown() == {("Ready", "Deploying")}
    broken = {"Ready": ("False", "RolledBack"), "Stalled": ("True", "RolledBack")}
    cache.hear(an_endpoint(2, **broken, Available=("True", "Answering")))
    assert shown() == {("Ready", "RolledBack"), ("Stalled", "RolledBack")}
    cache.hear(an_endpoint(3, Ready=("True", "Serving"), UpdateAvailable=("False", "UpToDate")))
    assert shown() == set()
    cache.hear(an_endpoint(4, Available=("False", "NoPodReady"), ScalingActive=("Unknown", "X")))
    assert shown() == {("Available", "NoPodReady")}
    cache.drop(ObjectKey("ModelDeployment", "team", "watched"))
    assert shown() == set()


def test_the_end_of_a_run_is_no_trouble() -> None:
    cache = Cache()
    said = [
        {"type": kind, "status": status, "reason": "StepFailed"}
        for kind, status in (("Failed", "True"), ("Ready", "False"), ("Stalled", "True"))
    ]
    cache.hear(an_object("TrainingRun", "watched", status={"conditions": said}))
    assert shown() == set()


def test_what_is_not_ours_is_not_judged() -> None:
    said = [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]
    Cache().hear(an_object("Pod", "watched", api="v1", status={"conditions": said}))
    assert shown() == set()
