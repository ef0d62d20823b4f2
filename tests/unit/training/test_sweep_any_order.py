"""Whatever happens in whatever order to a sweep: no trial is made twice, none is forgotten."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from comal_operator.core.plan import Apply
from make import GATE, a_registry, a_run, conditions
from unit.training.test_sweep import GRID, Sweeping, suggested

PARALLEL = 2


class Sweeps(RuleBasedStateMachine):
    """A cluster in which trials end, vanish and wait while the operator looks now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Sweeping()
        self.finals: list[object] = []
        self.drawn = 0
        self.lost: Counter[str] = Counter()

    @initialize(sampler=st.sampled_from(["Grid", "Random"]))
    def begin(self, sampler: str) -> None:
        sweep = {**GRID, "maxTrials": 4, "parallelism": PARALLEL, "sampler": sampler}
        sweep["parameters"] = {"alpha": {"choice": ["0.1", "0.4", "0.9", "1"]}}
        run = a_run(sweep=sweep, gate=GATE, register={"model": "diabetes"})
        self.world.add(run, a_registry())

    @rule()
    def look(self) -> None:
        """One pass of the operator that dies after its first write."""
        plan = self.world.plan()
        if plan.actions and isinstance(plan.actions[0], Apply):
            for manifest in plan.actions[0].manifests:
                self.world.changed(manifest)
        elif plan.actions:
            self.world.carry_out(plan)

    @rule()
    def look_until_silent(self) -> None:
        self.world.settle()

    @rule(data=st.data(), value=st.sampled_from(["1", "2", "NaN", ""]), fails=st.booleans())
    def a_trial_ends(self, data: st.DataObject, value: str, fails: bool) -> None:
        number = self.draw(data)
        if number is not None and not self.world.trial(number).get("status"):
            self.world.ends(number, value=value, end="Failed" if fails else "Complete")

    @rule(data=st.data())
    def a_trial_is_deleted(self, data: st.DataObject) -> None:
        number = self.draw(data)
        if number is None:
            return
        if self.world.trials()[number]["state"] == "Pending":
            # Nothing tells it from one that was never made.
            self.lost[f"diabetes-t{number}"] += 1
        del self.world.objects["TrainingRun", f"diabetes-t{number}"]

    @rule(data=st.data())
    def a_job_ends(self, data: st.DataObject) -> None:
        jobs = [
            n for (k, n), job in self.world.objects.items() if k == "Job" and "status" not in job
        ]
        if not jobs:
            return
        name = data.draw(st.sampled_from(sorted(jobs)))
        step = name.removeprefix("diabetes-").rpartition("-")[0]
        said: Any = None
        if "suggest" in step:
            said = suggested([str(self.drawn % 4)])
            self.drawn += 1
        self.world.end(step, said=said)

    @rule(data=st.data())
    def a_pod_is_deleted(self, data: st.DataObject) -> None:
        pods = sorted(name for kind, name in self.world.objects if kind == "Pod")
        if pods:
            del self.world.objects["Pod", data.draw(st.sampled_from(pods))]

    @rule()
    def the_registry_looks(self) -> None:
        self.world.remember_numbers()

    def draw(self, data: st.DataObject) -> int | None:
        """Return the number of a trial that is there."""
        there = [n for n in range(4) if ("TrainingRun", f"diabetes-t{n}") in self.world.objects]
        return data.draw(st.sampled_from(there)) if there else None

    @invariant()
    def no_trial_is_made_twice(self) -> None:
        made = Counter(name for kind, name in self.world.made if kind == "TrainingRun")
        assert all(times <= 1 + self.lost[name] for name, times in made.items())
        assert len(made) <= 4

    @invariant()
    def what_is_made_was_remembered(self) -> None:
        made = {name for kind, name in self.world.made if kind == "TrainingRun"}
        assert made <= {trial["run"] for trial in self.world.trials().values()}

    @invariant()
    def no_more_run_than_asked(self) -> None:
        busy = [state for state in self.world.states() if state in ("Pending", "Running")]
        assert len(busy) <= PARALLEL

    @invariant()
    def nothing_is_registered_twice(self) -> None:
        assert len([kind for kind, _ in self.world.made if kind == "ModelVersion"]) <= 1

    @invariant()
    def the_end_is_final(self) -> None:
        found = conditions(self.world.status()) if self.world.status() else {}
        if "Complete" in found or "Failed" in found:
            self.finals.append(self.world.status())
            assert self.finals[0] == self.world.status()


Sweeps.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestSweepInAnyOrder = Sweeps.TestCase
