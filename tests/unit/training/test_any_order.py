"""Whatever happens in whatever order: nothing trains twice, nothing is registered twice."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from comal_operator.core.training.steps import ENDS
from make import a_gated_run, a_registry, a_version, conditions, ended_job
from training_world import ANSWERS, World, step_of

STEPS = ("prepare", "train", "evaluate")
FAILURES, INTERRUPTIONS = 1, 2
RETRY = {"failures": FAILURES, "interruptions": INTERRUPTIONS}


class Cluster(RuleBasedStateMachine):
    """A cluster that loses, ends, deletes and forgets while the operator looks now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.lost: Counter[str] = Counter()
        self.finals: list[object] = []

    @initialize(many=st.booleans())
    def begin(self, many: bool) -> None:
        modes = ["ReadWriteMany" if many else "ReadWriteOnce"]
        run = a_gated_run()
        after: list[dict[str, Any]] = [{"after": []}, {"after": []}, {"after": list(STEPS[:2])}]
        run["spec"]["steps"] = [
            {"name": n, "retry": RETRY, **a} for n, a in zip(STEPS, after, strict=True)
        ]
        run["spec"]["workspace"] = {"accessModes": modes}
        self.world.add(run, a_registry())

    @rule()
    def look(self) -> None:
        """One pass of the operator that dies after its first write."""
        plan = self.world.plan()
        self.world.answers |= {q: [] for q in plan.questions if q not in self.world.answers}
        if plan.actions:
            self.world.carry_out(plan)

    @rule()
    def look_until_silent(self) -> None:
        self.world.settle()

    @rule(data=st.data(), good=st.integers(0, 9), code=st.sampled_from((1, 64)))
    def a_job_ends(self, data: st.DataObject, good: int, code: int) -> None:
        running = [n for (k, n), job in self.world.objects.items() if k == "Job" and not _end(job)]
        if running:
            job = self.world.objects["Job", data.draw(st.sampled_from(sorted(running)))]
            step = step_of(job["metadata"]["name"], *STEPS, *ANSWERS)
            assert step is not None
            self.world.end(step, code=0 if good or step in ANSWERS else code)

    @rule(data=st.data())
    def a_job_is_deleted(self, data: st.DataObject) -> None:
        jobs = sorted(name for kind, name in self.world.objects if kind == "Job")
        if not jobs:
            return
        name = data.draw(st.sampled_from(jobs))
        known = {s.get("job"): s for s in self.world.status().get("steps", ())}
        if name not in known or known[name]["state"] not in (*ENDS, "Pending"):
            self.lost[name] += 1
        job = self.world.objects.pop(("Job", name))
        self.world._collect_garbage(job["metadata"]["uid"])

    @rule(data=st.data())
    def a_pod_is_deleted(self, data: st.DataObject) -> None:
        pods = sorted(name for kind, name in self.world.objects if kind == "Pod")
        if pods:
            del self.world.objects["Pod", data.draw(st.sampled_from(pods))]

    @precondition(lambda self: len(self.others()) < 3)
    @rule(better=st.booleans())
    def another_run_registers(self, better: bool) -> None:
        taken = [int(n.rpartition("-v")[2]) for k, n in self.world.objects if k == "ModelVersion"]
        taken += self.world.objects["ModelRegistry", "default"]["status"]["lastVersions"].values()
        mse = "3000" if better else "4000"
        self.world.add(a_version(max([*taken, 0]) + 1, mse=mse, run=f"other-{len(taken)}"))

    @rule()
    def the_registry_looks(self) -> None:
        self.world.remember_numbers()

    @rule(seconds=st.integers(1, 120))
    def time_passes(self, seconds: int) -> None:
        self.world.wait(seconds=seconds)

    def others(self) -> list[str]:
        return [n for k, n in self.world.objects if k == "ModelVersion"]

    @invariant()
    def nothing_trains_twice(self) -> None:
        made = Counter(name for kind, name in self.world.made if kind == "Job")
        for name, times in made.items():
            if step_of(name, *STEPS):
                assert times <= 1 + self.lost[name]

    @invariant()
    def budgets_hold(self) -> None:
        for step in self.world.status().get("steps", ()):
            over = step["state"] == "Failed"
            assert step.get("failures", 0) <= FAILURES + over
            assert step.get("interruptions", 0) <= INTERRUPTIONS + over

    @invariant()
    def attempts_follow_one_another(self) -> None:
        live = Counter(
            step_of(name, *STEPS)
            for (kind, name), job in self.world.objects.items()
            if kind == "Job" and not _end(job)
        )
        live.pop(None, None)
        assert all(number == 1 for number in live.values())

    @invariant()
    def nothing_is_registered_twice(self) -> None:
        assert len([kind for kind, _ in self.world.made if kind == "ModelVersion"]) <= 1

    @invariant()
    def the_end_is_final(self) -> None:
        found = conditions(self.world.status()) if self.world.status() else {}
        if "Complete" in found or "Failed" in found:
            self.finals.append(self.world.status())
            assert self.finals[0] == self.world.status()


def _end(job: object) -> bool:
    return "status" in job  # type: ignore[operator]


Cluster.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyOrder = Cluster.TestCase


def test_a_complete_job_in_the_cache_is_believed_once() -> None:
    world = World().add(a_gated_run(), a_registry())
    world.settle()
    world.add(ended_job(world.job("train")))
    world.settle()
    assert world.status()["steps"][0]["state"] == "Succeeded"
