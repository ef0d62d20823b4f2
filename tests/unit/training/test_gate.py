"""The gate rule by rule, and which versions it compares with."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.api.model_version import ModelVersion
from comal_operator.api.training_gate import Gate
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.training.baseline import choose
from comal_operator.core.training.gate import judge
from make import a_registry, a_run, a_version, an_object, conditions
from training_world import World

GATE = {"metric": "mse", "goal": "Minimize"}


def verdict(metrics: dict[str, str], *there: Manifest, **gate: Any) -> Any:
    """Return what the gate says of `metrics` in a namespace with these objects."""
    typed = Gate.model_validate({**GATE, **gate})
    seen = Seen({(one["kind"], one["metadata"]["name"]): one for one in there})
    versions = [ModelVersion.model_validate(v) for v in there if v["kind"] == "ModelVersion"]
    return judge(typed, metrics, choose(typed, versions, seen))


def recorded(number: int, **metrics: str) -> dict[str, Any]:
    return a_version(number, metrics=metrics)


def with_alias(version: dict[str, Any], *aliases: str) -> dict[str, Any]:
    return {**version, "status": {"aliases": list(aliases)}}


def endpoint(stable: str, name: str = "e") -> dict[str, Any]:
    return an_object("ModelDeployment", name, status={"stable": {"modelVersion": stable}})


V1, V2, V3 = recorded(1, mse="10"), recorded(2, mse="30"), recorded(3, mse="20")
UNMEASURED = a_version(4)

# id: (candidate's mse, baseline, objects there, passed, reason, words of the message)
CHOICES: dict[str, tuple[str, dict[str, Any], tuple[Manifest, ...], bool, str, str]] = {
    "latest": ("19", {}, (V1, V2, V3), True, "Better", "20 of diabetes-v3"),
    "latest that was measured": ("19", {}, (V3, UNMEASURED), True, "Better", "diabetes-v3"),
    "best": ("19", {"select": "Best"}, (V1, V2, V3), False, "NotBetter", "10 of diabetes-v1"),
    "all": ("15", {"select": "All"}, (V2, V1, V3), False, "NotBetter", "10 of diabetes-v1"),
    "all beaten": ("9", {"select": "All"}, (V2, V1, V3), True, "Better", "10 of diabetes-v1"),
    "none": ("99", {"select": "None"}, (V1,), True, "NoBaseline", "compares with no version"),
    "alias": (
        "25",
        {"select": "Alias", "alias": "good"},
        (V1, with_alias(V2, "good"), V3),
        True,
        "Better",
        "30 of diabetes-v2",
    ),
    "an alias that no version has": (
        "99",
        {"select": "Alias", "alias": "good"},
        (V1, V2),
        True,
        "FirstModel",
        "no version has the alias good",
    ),
    "the newest deployed": (
        "25",
        {"select": "Deployed"},
        (V1, V2, V3, endpoint("diabetes-v1"), endpoint("diabetes-v2", "f")),
        True,
        "Better",
        "30 of diabetes-v2",
    ),
    "nothing deployed": (
        "99",
        {"select": "Deployed"},
        (V1, endpoint("taxi-v1")),
        True,
        "FirstModel",
        "no ModelDeployment serves",
    ),
    "deployed, but never measured": (
        "1",
        {"select": "Deployed"},
        (V1, UNMEASURED, endpoint("diabetes-v4")),
        False,
        "BaselineMetricMissing",
        "diabetes-v4 has no value of mse",
    ),
}


@pytest.mark.parametrize("case", CHOICES)
def test_what_the_candidate_is_compared_with(case: str) -> None:
    value, baseline, there, passed, reason, words = CHOICES[case]
    found = verdict({"mse": value}, *there, baseline=baseline)
    assert (found.passed, found.reason) == (passed, reason)
    assert words in found.message


# id: (candidate, gate, passed, reason, words); the baseline is mse 10, r2 0.5, rows NaN.
OLD = recorded(1, mse="10", r2="0.5", rows="NaN")
RULES: dict[str, tuple[dict[str, str], dict[str, Any], bool, str, str]] = {
    "equal": ({"mse": "10"}, {}, False, "NotBetter", "10 is not lower than 10 of diabetes-v1"),
    "better by just minDelta": ({"mse": "9"}, {"minDelta": "1"}, False, "NotBetter", "than 1"),
    "better by more": ({"mse": "8.99"}, {"minDelta": "1"}, True, "Better", "8.99 is lower than 10"),
    "at the threshold": ({"mse": "9"}, {"threshold": "9"}, True, "Better", "9 is lower"),
    "over it": ({"mse": "9"}, {"threshold": "8"}, False, "ThresholdMissed", "at most 8"),
    "NaN": ({"mse": "NaN"}, {}, False, "MetricNotFinite", "NaN"),
    "missing": ({"r2": "1"}, {}, False, "MetricMissing", "only r2"),
    "a guard holds": (
        {"mse": "9", "r2": "0.4"},
        {"guards": [{"metric": "r2", "min": "0.4", "maxDrop": "0.1"}]},
        True,
        "Better",
        "9 is lower",
    ),
    "a guard's minimum": (
        {"mse": "9", "r2": "0.39"},
        {"guards": [{"metric": "r2", "min": "0.4"}]},
        False,
        "GuardMissed",
        "r2 is 0.39, but must be at least 0.4",
    ),
    "a guard's drop": (
        {"mse": "9", "r2": "0.39"},
        {"guards": [{"metric": "r2", "maxDrop": "0.1"}]},
        False,
        "GuardMissed",
        "at most 0.1 lower than 0.5 of diabetes-v1",
    ),
    "a guard's rise": (
        {"mse": "9", "r2": "0.61"},
        {"guards": [{"metric": "r2", "maxRise": "0.1"}]},
        False,
        "GuardMissed",
        "at most 0.1 higher than 0.5",
    ),
    "a guard's metric is not there": (
        {"mse": "9"},
        {"guards": [{"metric": "p95", "max": "40"}]},
        False,
        "GuardMetricMissing",
        "p95 is not in metrics.json",
    ),
    "a guard's metric is NaN": (
        {"mse": "9", "r2": "NaN"},
        {"guards": [{"metric": "r2", "maxDrop": "0.1"}]},
        False,
        "GuardMetricMissing",
        "r2 is NaN",
    ),
    "a metric that the baseline has not": (
        {"mse": "9", "rows": "3"},
        {"guards": [{"metric": "rows", "maxDrop": "1"}]},
        True,
        "Better",
        "9 is lower",
    ),
    "such a metric must be measured all the same": (
        {"mse": "9"},
        {"guards": [{"metric": "rows", "maxDrop": "1"}]},
        False,
        "GuardMetricMissing",
        "rows is not in metrics.json",
    ),
}


@pytest.mark.parametrize("case", RULES)
def test_rule(case: str) -> None:
    metrics, gate, passed, reason, words = RULES[case]
    found = verdict(metrics, OLD, **gate)
    assert (found.passed, found.reason) == (passed, reason)
    assert words in found.message


def test_every_rule_stands_in_the_table_with_both_numbers() -> None:
    guards = [{"metric": "r2", "min": "0.4", "maxDrop": "0.2"}, {"metric": "p95", "max": "40"}]
    found = verdict({"mse": "9", "r2": "0.39"}, OLD, V3, guards=guards, threshold="5")
    assert found.reason == "ThresholdMissed"
    rows = [(r.metric, r.candidate, r.baseline, r.rule, r.passed) for r in found.comparison]
    assert rows == [
        ("mse", "9", None, "at most 5", False),
        ("mse", "9", "20", "lower by more than 0", True),
        ("r2", "0.39", None, "at least 0.4", False),
        ("p95", None, None, "at most 40", False),
    ]


def test_a_table_has_room_for_every_guard() -> None:
    bounds = {"min": "0", "max": "9", "maxDrop": "1", "maxRise": "1"}
    guards = [{"metric": f"m{n}", **bounds} for n in range(16)]
    metrics = {"mse": "9"} | {f"m{n}": "1" for n in range(16)}
    there = [recorded(n, mse="10", **{f"m{i}": "1" for i in range(16)}) for n in range(1, 40)]
    found = verdict(metrics, *there, guards=guards, threshold="50", baseline={"select": "All"})
    assert found.passed
    assert len(found.comparison) == 80


def rejected(on_reject: str, **register: Any) -> World:
    """A run that its gate rejects, with this onReject."""
    gate = {**GATE, "onReject": on_reject}
    run = a_run(gate=gate, register={"model": "diabetes", **register})
    world = World().add(run, a_registry(diabetes=1), a_version(1, mse="1"))
    world.register_everything(upto="comal-register" if register else "comal-collect")
    world.settle()
    world.remember_numbers()
    world.settle()
    return world


@pytest.mark.parametrize(
    ("on_reject", "ready", "end"),
    [
        ("Complete", ("True", "Rejected"), ("Complete", "Rejected")),
        ("Fail", ("False", "Rejected"), ("Failed", "Rejected")),
        ("Cancel", ("True", "Cancelled"), ("Failed", "Cancelled")),
    ],
)
def test_a_rejected_run_ends_as_asked(
    on_reject: str, ready: tuple[str, str], end: tuple[str, str]
) -> None:
    status = rejected(on_reject).status()
    found = conditions(status)
    assert found["Ready"] == ready
    assert found[end[0]] == ("True", end[1])
    assert found["GatePassed"] == ("False", "NotBetter")
    assert found["Registered"][0] == "False"
    message = status["conditions"][0]["message"]
    assert "3295.71" in message
    assert "1 of diabetes-v1" in message


def test_what_is_registered_although_rejected_moves_no_alias() -> None:
    world = rejected("Fail", when="Always", aliases=["candidate"])
    version = world.objects["ModelVersion", "diabetes-v2"]
    assert version["spec"]["aliases"] == []
    assert version["spec"]["lineage"]["gate"]["decision"] == "Rejected"
    found = conditions(world.status())
    assert found["Failed"] == ("True", "Rejected")
    assert found["Registered"] == ("True", "Registered")
    assert world.status()["modelVersion"] == "diabetes-v2"


def test_broken_metrics_keep_their_reason_when_registered_always() -> None:
    wrong = {"metrics": {}, "error": {"reason": "MetricsInvalid", "message": "it is text"}}
    run = a_run(gate=GATE, register={"model": "diabetes", "when": "Always"})
    world = World().add(run, a_registry())
    for step in ("train", "comal-collect", "comal-convert", "comal-register"):
        world.settle()
        world.end(step, said=wrong if step == "comal-collect" else None)
    world.settle()
    world.remember_numbers()
    world.settle()
    assert conditions(world.status())["GatePassed"] == ("False", "MetricsInvalid")


def test_a_version_tells_the_verdict_when_the_status_is_lost() -> None:
    world = World().add(a_run(gate=GATE, register={"model": "diabetes"}), a_registry(diabetes=1))
    world.add(a_version(1, mse="4000"))
    world.register_everything()
    world.settle()
    world.remember_numbers()
    world.settle()
    before = world.status()
    run = {key: value for key, value in world.run().items() if key != "status"}
    # Another baseline by now: what was compared then is what counts.
    world.add(run, a_version(1, mse="1"))
    world.settle()
    assert world.status()["gate"] == before["gate"]
