"""Trials of a sweep: made once, counted once, and the best one's model registered."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Apply
from comal_operator.core.training.sweep_trial import trial_name
from make import GATE, NOON_TEXT, a_registry, a_run, a_version, an_object, conditions
from training_world import World

ALPHA = {"alpha": {"choice": ["0.1", "0.4", "0.9"]}}
# Seed 4, D17: mean squared error on the diabetes data by alpha.
MSE = {"0.1": "3356.0123", "0.4": "3295.714948", "0.9": "3359.075"}
GRID = {
    "parameters": ALPHA,
    "sampler": "Grid",
    "maxTrials": 3,
    "parallelism": 2,
    "objective": {"metric": "mse", "goal": "Minimize"},
}


class Sweeping(World):
    """A world whose trials end as told."""

    def settle(self, name: str = "diabetes") -> Any:
        for _ in range(60):
            plan = self.plan(name)
            if plan.actions and isinstance(plan.actions[0], Apply):
                for manifest in plan.actions[0].manifests:
                    self.changed(manifest)
            elif plan.actions:
                self.carry_out(plan)
            else:
                return plan
        raise AssertionError("never settles")

    def changed(self, manifest: Any) -> None:
        key = (manifest["kind"], manifest["metadata"]["name"])
        live = self.objects[key]
        self.objects[key] = {**live, "spec": {**live["spec"], **manifest["spec"]}}

    def trials(self) -> dict[int, Any]:
        sweep = self.status().get("sweep") or {}
        return {trial["number"]: trial for trial in sweep.get("trials", ())}

    def states(self) -> list[str]:
        return [trial["state"] for trial in self.trials().values()]

    def trial(self, number: int) -> Any:
        return self.objects["TrainingRun", f"diabetes-t{number}"]

    def ends(self, number: int, value: str | None = None, end: str = "Complete") -> None:
        """Let a trial end with its metric, as its own decision would write it."""
        trial = self.trial(number)
        alpha = trial["spec"]["parameters"]["alpha"]
        metrics = {} if value == "" else {"mse": value or MSE.get(alpha, "1")}
        said = {"type": end, "status": "True", "reason": "x", "message": "it says why"}
        steps = [{"name": "train", "state": "Succeeded", "image": f"train@{number}"}]
        status = {
            "conditions": [said],
            "metrics": metrics if end == "Complete" else {},
            "steps": steps,
            "completionTime": NOON_TEXT,
        }
        self.add({**trial, "status": status})

    def reports(self, number: int, epoch: int, value: str) -> None:
        status = {"progress": {"epoch": f"{epoch}/8"}, "metrics": {"mse": value}}
        self.add({**self.trial(number), "status": status})


def sweeping(sweep: dict[str, Any] | None = None, **spec: Any) -> Sweeping:
    said = {"parameters": {"alpha": "0.5", "seed": "1"}, "register": {"model": "diabetes"}, **spec}
    world = Sweeping()
    world.add(a_run(sweep={**GRID, **(sweep or {})}, gate=GATE, **said), a_registry())
    world.settle()
    return world


def finished(world: Sweeping) -> Sweeping:
    for _ in range(10):
        world.settle()
        running = [n for n, trial in world.trials().items() if trial["state"] == "Running"]
        for number in running:
            world.ends(number)
    world.settle()
    return world


def registered(world: Sweeping) -> Any:
    for job in ("comal-collect", "comal-convert", "comal-register"):
        world.settle()
        world.end(job)
    world.settle()
    world.remember_numbers()
    world.settle()
    return world.objects["ModelVersion", "diabetes-v1"]


def test_trials_are_remembered_before_their_runs_are_made() -> None:
    world = Sweeping()
    world.add(a_run(sweep=GRID, gate=GATE), a_registry())
    for _ in range(30):
        world.carry_out(world.plan())
        made = [name for kind, name in world.made if kind == "TrainingRun"]
        remembered = [trial["run"] for trial in world.trials().values()]
        assert set(made) <= set(remembered)
        if len(made) == 2:
            return
    raise AssertionError("no trials")


def test_a_preset_that_nobody_defines_is_told_before_there_are_trials() -> None:
    world = Sweeping()
    steps = [{"name": "train", "placement": {"preset": "aks-spto"}}]
    world.add(a_run(sweep=GRID, steps=steps, gate=GATE), a_registry())
    world.settle()
    assert conditions(world.status())["Ready"] == ("False", "PresetUnknown")
    assert world.trials() == {}


def test_no_more_trials_run_at_once_than_asked() -> None:
    world = sweeping()
    assert world.states() == ["Running", "Running"]
    assert world.status()["progress"]["text"] == "0/3 trials"
    world.ends(1)
    world.settle()
    assert world.states() == ["Running", "Succeeded", "Running"]
    assert world.status()["progress"] == {"text": "1/3 trials", "percent": 33}


def test_a_trial_is_like_its_sweep_with_other_parameters_and_registers_nothing() -> None:
    world = sweeping(experiment="mlops", register={"model": "diabetes", "path": "out/model"})
    trial = world.trial(0)
    assert trial["spec"]["parameters"] == {"alpha": "0.1", "seed": "1"}
    assert trial["spec"]["experiment"] == "mlops"
    assert not {"sweep", "gate", "register"} & set(trial["spec"])
    assert trial["metadata"]["labels"]["comal.dev/sweep"] == "diabetes"
    assert trial["metadata"]["ownerReferences"][0]["uid"] == "uid-of-diabetes"
    assert trial["metadata"]["annotations"] == {"comal.dev/model-path": "out/model"}


def test_the_best_trial_s_model_is_gated_and_registered() -> None:
    world = finished(sweeping())
    sweep = world.status()["sweep"]
    assert sweep["best"] == 1
    uid = world.trial(1)["metadata"]["uid"]
    assert uid
    assert sweep["workspace"].startswith("diabetes-t1-workspace-")
    pod = world.job("comal-collect")["spec"]["template"]["spec"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == sweep["workspace"]

    version = registered(world)
    assert version["spec"]["parameters"] == {"alpha": "0.4", "seed": "1"}
    assert version["spec"]["metrics"] == {"mse": "3295.714948"}
    assert version["spec"]["lineage"]["run"]["name"] == "diabetes"
    assert version["spec"]["lineage"]["images"] == [{"step": "train", "image": "train@1"}]
    assert conditions(world.status())["Complete"] == ("True", "Registered")
    assert [kind for kind, _ in world.made].count("TrainingRun") == 3
    # A sweep has no workspace of its own, and no steps but its trials'.
    assert not any(kind == "PersistentVolumeClaim" for kind, _ in world.made)
    assert world.status()["steps"] == []


def test_a_rejected_best_trial_registers_nothing() -> None:
    world = sweeping()
    world.add(a_version(1, mse="1"), a_registry(diabetes=1))
    finished(world)
    world.end("comal-collect")
    world.settle()
    assert conditions(world.status())["Complete"] == ("True", "Rejected")


def test_failed_trials_are_recorded_and_skipped() -> None:
    world = sweeping()
    world.ends(0, end="Failed")
    world.ends(1, value="NaN")
    world.settle()
    assert world.states() == ["Failed", "Failed", "Running"]
    assert world.trials()[0]["message"] == "it says why"
    assert world.trials()[1]["message"] == "mse is NaN, which is not finite"
    world.ends(2)
    world.settle()
    assert world.status()["sweep"]["best"] == 2


@pytest.mark.parametrize("value", ["", "NaN"])
def test_a_sweep_without_a_good_trial_fails(value: str) -> None:
    world = sweeping({"parallelism": 3})
    for number in range(3):
        world.ends(number, value=value)
    world.settle()
    found = conditions(world.status())
    assert found["Failed"] == ("True", "NoTrialSucceeded")
    assert "mse is" in world.status()["conditions"][0]["message"]


def test_a_trial_that_somebody_deletes_is_not_tried_again() -> None:
    world = sweeping()
    del world.objects["TrainingRun", "diabetes-t0"]
    world.settle()
    assert world.states() == ["Failed", "Running", "Running"]
    assert [name for _, name in world.made].count("diabetes-t0") == 1


def test_a_strangers_run_in_a_trial_s_name_is_a_conflict() -> None:
    world = Sweeping()
    stranger = an_object("TrainingRun", "diabetes-t0", spec={"steps": []})
    world.add(a_run(sweep=GRID), a_registry(), stranger)
    world.settle()
    assert conditions(world.status())["Stalled"] == ("True", "NameConflict")


def test_a_sweep_that_registers_nothing_ends_with_its_best_trial() -> None:
    run = a_run(sweep=GRID)
    world = Sweeping()
    world.add(run, a_registry())
    finished(world)
    status = world.status()
    assert conditions(status)["Complete"] == ("True", "Completed")
    assert "trial 1 is the best: mse 3295.71 with alpha=0.4" in status["conditions"][0]["message"]
    assert status["metrics"] == {"mse": "3295.714948"}


def test_cancel_is_passed_on_and_waited_for() -> None:
    world = sweeping()
    run = world.run()
    world.add({**run, "spec": {**run["spec"], "cancel": True}})
    world.settle()
    assert all(world.trial(number)["spec"]["cancel"] for number in (0, 1))
    assert "Failed" not in conditions(world.status())
    for number in (0, 1):
        world.ends(number, end="Failed")
    world.settle()
    assert conditions(world.status())["Failed"] == ("True", "Cancelled")


def test_suspend_is_passed_on_and_taken_back() -> None:
    world = sweeping()
    run = world.run()
    world.add({**run, "spec": {**run["spec"], "suspend": True}})
    world.settle()
    assert all(world.trial(number)["spec"]["suspend"] for number in (0, 1))
    assert conditions(world.status())["Suspended"][0] == "True"
    world.add({**world.run(), "spec": run["spec"]})
    world.settle()
    assert not any(world.trial(number)["spec"]["suspend"] for number in (0, 1))


def test_the_times_to_live_are_passed_on_only_after_the_end() -> None:
    world = sweeping(ttl={"workspace": "1h"})
    assert "ttl" not in world.trial(0)["spec"]
    finished(world)
    registered(world)
    for number in range(3):
        assert world.trial(number)["spec"]["ttl"] == {"workspace": "1h"}


def test_the_best_workspace_that_is_deleted_ends_the_sweep() -> None:
    world = finished(sweeping())
    del world.objects["TrainingRun", "diabetes-t1"]
    world.settle()
    assert conditions(world.status())["Failed"] == ("True", "WorkspaceLost")


def suggesting(**sweep: Any) -> Sweeping:
    space = {"alpha": {"uniform": {"min": "0", "max": "1"}}, "kind": {"choice": ["a", "b"]}}
    return sweeping({"sampler": "TPE", "parameters": space, **sweep})


def suggested(*trials: list[str]) -> dict[str, Any]:
    return {"trials": [list(trial) for trial in trials], "error": None}


def test_suggestions_come_from_a_job_that_has_the_history() -> None:
    world = suggesting()
    assert world.states() == []
    pod = world.job("comal-suggest-0")["spec"]["template"]["spec"]
    assert pod["volumes"][0] == {"name": "workspace", "emptyDir": {}}
    world.end("comal-suggest-0", said=suggested(["0.25", "1"], ["0.75", "0"]))
    world.settle()
    assert world.trials()[0]["parameters"] == {"alpha": "0.25", "kind": "b"}
    assert world.states() == ["Running", "Running"]

    world.ends(0, value="3")
    world.settle()
    arguments = world.job("comal-suggest-2")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert '"history":[[["0.25","1"],"Succeeded","3"],[["0.75","0"],"Running",""]]' in arguments[1]
    # Its answer is remembered, so the first Job is cleared away.
    with pytest.raises(AssertionError):
        world.job("comal-suggest-0")


def test_an_answer_that_is_lost_with_its_pod_is_asked_for_again() -> None:
    world = suggesting()
    world.end("comal-suggest-0", said=suggested(["0.25", "1"]))
    for key in [key for key in world.objects if key[0] == "Pod"]:
        del world.objects[key]
    world.settle()
    world.end("comal-suggest-0", said=suggested(["0.25", "1"]))
    world.settle()
    assert world.states() == ["Running"]


def test_an_answer_that_means_nothing_is_asked_for_again() -> None:
    world = suggesting()
    world.end("comal-suggest-0", said=suggested(["0.25", "7"]))
    assert world.settle().requeue_after is not None
    assert conditions(world.status())["Stalled"] == ("True", "SuggestJobFailed")


def test_the_median_rule_stops_a_hopeless_trial() -> None:
    choices = {"alpha": {"choice": ["1", "2", "3", "4"]}}
    world = sweeping({"parameters": choices, "maxTrials": 4, "parallelism": 4, "pruner": "Median"})
    for number, value in enumerate(("10", "11", "12")):
        for epoch in (1, 2):
            world.reports(number, epoch, value)
            world.settle()
        world.ends(number, value=value)
    world.reports(3, 1, "10.5")
    world.settle()
    assert world.states()[3] == "Running"
    world.reports(3, 2, "50")
    world.settle()
    # Its best so far is still better than the median: it goes on.
    assert world.states()[3] == "Running"

    late = sweeping({"parameters": choices, "maxTrials": 4, "parallelism": 4, "pruner": "Median"})
    for number, value in enumerate(("10", "11", "12")):
        late.reports(number, 1, value)
        late.settle()
        late.ends(number, value=value)
    late.reports(3, 1, "11.5")
    late.settle()
    assert late.states()[3] == "Pruned"
    assert late.trial(3)["spec"]["cancel"] is True
    assert "worse than the median" in late.trials()[3]["message"]
    late.ends(3, end="Failed")
    late.settle()
    assert late.states()[3] == "Pruned"
    assert late.status()["sweep"]["best"] == 0


def test_a_trial_collects_its_metrics_and_is_complete() -> None:
    owner = an_object("TrainingRun", "diabetes")
    trial = a_run(name="diabetes")
    uid = owner["metadata"]["uid"]
    reference = {"kind": "TrainingRun", "name": "sweep", "uid": uid, "controller": True}
    trial["metadata"]["ownerReferences"] = [reference]
    world = World().add(trial)
    world.settle()
    world.end("train")
    world.settle()
    world.end("comal-collect")
    world.settle()
    assert conditions(world.status())["Complete"] == ("True", "Completed")
    assert world.status()["metrics"] == {"mse": "3295.714948"}


@pytest.mark.parametrize("name", ["diabetes", "d" * 40, "d" * 37, "d-" * 18 + "d"])
def test_names_of_trials_are_names(name: str) -> None:
    found = {trial_name({"metadata": {"name": name}}, number) for number in range(256)}
    assert len(found) == 256
    assert all(len(one) <= 40 and one[0].isalpha() for one in found)
