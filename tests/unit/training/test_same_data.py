"""The baseline measured again on this run's data, and two runs that end together."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.core.training.cache_key import Inputs, NotCacheableError, key_of
from make import NOON_TEXT, a_registry, a_run, a_version, conditions
from training_world import ANSWERS, World

GATE = {
    "metric": "mse",
    "goal": "Minimize",
    "baseline": {"measure": "SameData"},
    "guards": [{"metric": "r2", "maxDrop": "0.1"}],
}
STEPS = [{"name": "train", "role": "Train"}, {"name": "evaluate", "role": "Evaluate"}]


def trained(*versions: Any, **spec: Any) -> World:
    """A run whose model is trained and yet to be evaluated."""
    said = {"steps": STEPS, "gate": GATE, "register": {"model": "diabetes"}, **spec}
    world = World().add(a_run(**said), a_registry(diabetes=len(versions)), *versions)
    world.settle()
    world.end("train")
    world.settle()
    return world


def collected(baseline: dict[str, str] | None = None, mse: str = "10") -> dict[str, Any]:
    metrics = {"mse": mse, "r2": "0.5"}
    return {"metrics": metrics, "error": None, "baseline": baseline or {}}


def evaluated(world: World, said: dict[str, Any], collect: str = "comal-collect") -> World:
    world.end("evaluate")
    world.settle()
    world.end(collect, said=said)
    world.settle()
    return world


def pod_of(world: World, step: str) -> dict[str, Any]:
    found: dict[str, Any] = world.job(step)["spec"]["template"]["spec"]
    return found


def environment(pod: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in pod["containers"][0]["env"]}


V1 = a_version(1, metrics={"mse": "20", "r2": "0.5"})
V2 = a_version(2, metrics={"mse": "12", "r2": "0.5"}, digest="sha256:" + "c" * 64)


def test_the_baseline_is_chosen_and_remembered_before_it_is_measured() -> None:
    world = trained(V1)
    assert world.status()["gate"] == {
        "decision": "Pending",
        "evaluations": 1,
        "measured": "diabetes-v1",
        "baseline": {"version": "diabetes-v1", "measure": "SameData"},
    }
    pod = pod_of(world, "evaluate")
    [init] = pod["initContainers"]
    assert init["args"][0] == "fetch"
    assert V1["spec"]["digest"] in init["args"]
    assert environment(pod)["COMAL_BASELINE_DIR"] == "/comal/baseline"
    mounts = {one["mountPath"]: one for one in pod["containers"][0]["volumeMounts"]}
    assert mounts["/comal/baseline"]["readOnly"] is True
    assert "initContainers" not in pod_of(world, "train")


def test_what_was_measured_on_the_same_data_decides() -> None:
    # Recorded it was worse; on this data it is better than the candidate.
    world = evaluated(trained(V1), collected({"mse": "9", "r2": "0.5"}))
    status = world.status()
    assert conditions(status)["GatePassed"] == ("False", "NotBetter")
    assert "9 of diabetes-v1 on the same data" in status["conditions"][0]["message"]
    assert status["gate"]["baseline"] == {
        "version": "diabetes-v1",
        "value": "9",
        "measure": "SameData",
    }


def test_guards_compare_on_the_same_data_too() -> None:
    world = evaluated(trained(V1), collected({"mse": "19", "r2": "0.9"}))
    assert conditions(world.status())["GatePassed"] == ("False", "GuardMissed")


@pytest.mark.parametrize("measured", [{}, {"mse": "NaN"}, {"r2": "1"}])
def test_without_a_measurement_what_was_recorded_decides_and_it_says_so(
    measured: dict[str, str],
) -> None:
    world = evaluated(trained(V1), collected(measured))
    status = world.status()
    assert conditions(status)["GatePassed"] == ("True", "Better")
    message = next(c["message"] for c in status["conditions"] if c["type"] == "GatePassed")
    assert "20 of diabetes-v1" in message
    assert "no step measured its mse on this run's data" in message
    assert status["gate"]["baseline"]["measure"] == "Recorded"


def test_the_first_model_has_nothing_to_be_measured() -> None:
    world = trained()
    assert "initContainers" not in pod_of(world, "evaluate")
    evaluated(world, collected())
    assert conditions(world.status())["GatePassed"] == ("True", "FirstModel")


def test_steps_without_the_role_leave_it_at_what_was_recorded() -> None:
    world = trained(V1, steps=[{"name": "train"}, {"name": "evaluate"}])
    evaluated(world, collected({"mse": "1"}))
    status = world.status()
    assert conditions(status)["GatePassed"] == ("True", "Better")
    assert "no step has the role Evaluate" in str(status["conditions"])


def test_another_version_to_beat_is_measured_before_the_verdict() -> None:
    world = trained(V1)
    world.add(V2, a_registry(diabetes=2))
    evaluated(world, collected({"mse": "20", "r2": "0.5"}))
    status = world.status()
    assert "GatePassed" not in conditions(status)
    assert status["gate"]["evaluations"] == 2
    assert status["gate"]["baseline"]["version"] == "diabetes-v2"
    evaluate = status["steps"][1]
    assert (evaluate["state"], evaluate["repeats"]) == ("Running", 1)
    assert V2["spec"]["digest"] in pod_of(world, "evaluate")["initContainers"][0]["args"]

    evaluated(world, collected({"mse": "11", "r2": "0.5"}), "comal-collect-2")
    status = world.status()
    assert conditions(status)["GatePassed"] == ("True", "Better")
    assert status["gate"]["baseline"]["value"] == "11"
    assert len([name for _, name in world.made if name.startswith("diabetes-train-")]) == 1


def test_the_other_run_that_registers_while_this_one_packs_is_measured_too() -> None:
    world = evaluated(trained(V1), collected({"mse": "20", "r2": "0.5"}))
    world.end("comal-convert")
    world.settle()
    world.end("comal-register")
    world.add(V2, a_registry(diabetes=2))
    world.settle()
    assert ("ModelVersion", "diabetes-v3") not in world.made
    evaluated(world, collected({"mse": "9.5", "r2": "0.5"}), "comal-collect-2")
    status = world.status()
    assert conditions(status)["Ready"] == ("True", "Rejected")
    assert not any(kind == "ModelVersion" for kind, _ in world.made)


def test_after_three_evaluations_what_was_recorded_decides() -> None:
    world = trained(V1)
    for number, collect in ((2, "comal-collect"), (3, "comal-collect-2"), (4, "comal-collect-3")):
        later = a_version(number, metrics={"mse": str(20 - number), "r2": "0.5"})
        world.add(later, a_registry(diabetes=number))
        evaluated(world, collected({"mse": "30", "r2": "0.5"}), collect)
    status = world.status()
    assert conditions(status)["GatePassed"] == ("True", "Better")
    assert status["gate"]["evaluations"] == 3
    message = next(c["message"] for c in status["conditions"] if c["type"] == "GatePassed")
    assert "16 of diabetes-v4" in message
    assert "after 3 evaluations" in message


def test_each_baseline_has_a_metrics_file_of_its_own() -> None:
    world = trained(V1)
    first = environment(pod_of(world, "evaluate"))["COMAL_BASELINE_METRICS_FILE"]
    world.end("evaluate")
    world.settle()
    assert environment(pod_of(world, "comal-collect"))["COMAL_BASELINE_METRICS_FILE"] == first
    arguments = pod_of(world, "comal-collect")["containers"][0]["args"]
    wanted = ["--baseline-metric=mse", "--baseline-metric=r2"]
    assert arguments == ["collect", f"--since={NOON_TEXT}", *wanted]
    world.add(V2, a_registry(diabetes=2))
    world.end("comal-collect", said=collected({"mse": "20"}))
    world.settle()
    second = environment(pod_of(world, "evaluate"))["COMAL_BASELINE_METRICS_FILE"]
    assert first != second


def test_a_baseline_that_is_deleted_meanwhile_is_beaten_by_nobody() -> None:
    world = trained(V1)
    del world.objects["ModelVersion", "diabetes-v1"]
    evaluated(world, collected({"mse": "9"}))
    assert conditions(world.status())["GatePassed"] == ("True", "FirstModel")


def test_the_version_tells_how_its_baseline_was_measured() -> None:
    world = evaluated(trained(V1), collected({"mse": "20", "r2": "0.5"}))
    world.end("comal-convert", said=ANSWERS["comal-convert"])
    world.settle()
    world.end("comal-register", said=ANSWERS["comal-register"])
    world.settle()
    world.remember_numbers()
    world.settle()
    assert world.status()["modelVersion"] == "diabetes-v2"
    version = world.objects["ModelVersion", "diabetes-v2"]
    assert version["spec"]["lineage"]["gate"]["baseline"]["measure"] == "SameData"


def test_steps_may_reach_the_registry_and_only_with_same_data() -> None:
    def rules(world: World) -> str:
        return str([t["spec"] for (k, n), t in world.objects.items() if "steps" in n])

    assert "5001" in rules(trained(V1))
    assert "5001" not in rules(trained(V1, gate={"metric": "mse", "goal": "Minimize"}))


def test_a_step_that_measures_the_baseline_is_never_taken_from_the_cache() -> None:
    step = {"name": "evaluate", "role": "Evaluate", "cache": {"mode": "Auto"}, "outputs": ["o"]}
    spec = a_run(steps=[step], gate=GATE, register={"model": "diabetes"})["spec"]
    typed = TrainingRunSpec.model_validate(spec)
    inputs = Inputs(typed, {}, (), "trainer")
    with pytest.raises(NotCacheableError, match="the version to beat"):
        key_of(inputs, typed.steps[0])
