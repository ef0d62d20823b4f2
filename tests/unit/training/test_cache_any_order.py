"""Two equal runs in whatever order: the shared step runs once at a time, and nobody reads a lie."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cached_world import SEALED, WRONG, Namespace, a_cached_run
from comal_operator.core.names import LABEL_STEP, LABEL_TRAINING_RUN
from comal_operator.core.plan import Manifest
from make import an_ended_pod, conditions, ended_job

RUNS = ("one", "two")
MISSING = {"outputs": [], "error": {"reason": "OutputMissing", "message": "data/ is missing"}}
COPIED = {"size": 3, "error": None}


class Cluster(RuleBasedStateMachine):
    """A namespace that ends and forgets Jobs and entries while the operator looks now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Namespace()
        retry = {"failures": 1}
        for name in RUNS:
            # Another training of what both prepare: it reads the copy.
            train = {"args": [name], "outputs": ["model"], "cache": {}, "retry": retry}
            run = a_cached_run(name, train=train)
            run["spec"]["steps"][0]["retry"] = retry
            run["spec"]["workspace"] = {"accessModes": ["ReadWriteMany"]}
            self.world.add(run)
        self.found: set[str] = set()
        """The uids of Jobs whose step left all that it declared."""
        self.copied: set[tuple[str, str]] = set()
        """The runs that have a copy of another one's outputs, by run and step."""
        self.seen: set[str] = set()
        self.finals: dict[str, Any] = {}

    @rule(run=st.sampled_from(RUNS))
    def look(self, run: str) -> None:
        """One pass of the operator that dies after its first write."""
        plan = self.world.plan(run)
        self.world.answers |= {q: [] for q in plan.questions if q not in self.world.answers}
        if plan.actions:
            self.world.carry_out(plan)

    @rule(run=st.sampled_from(RUNS))
    def look_until_silent(self, run: str) -> None:
        self.world.settle(run)

    @rule(run=st.sampled_from(RUNS))
    def all_goes_well_for_a_moment(self, run: str) -> None:
        """Get far enough that what follows has something to spoil."""
        self.world.settle(run)
        for name in self.running():
            self.end(name)

    @rule(data=st.data(), good=st.integers(0, 5))
    def a_job_ends(self, data: st.DataObject, good: int) -> None:
        if running := self.running():
            self.end(data.draw(st.sampled_from(running)), is_good=bool(good))

    @rule(data=st.data(), bad=st.integers(0, 3))
    def a_job_is_deleted(self, data: st.DataObject, bad: int) -> None:
        jobs = sorted(name for kind, name in self.world.objects if kind == "Job")
        if jobs and not bad:
            job = self.world.objects.pop(("Job", data.draw(st.sampled_from(jobs))))
            self.world._collect_garbage(job["metadata"]["uid"])

    @rule(data=st.data(), bad=st.integers(0, 3))
    def an_entry_is_deleted(self, data: st.DataObject, bad: int) -> None:
        entries = [name for name in self.world.caches() if not name.endswith("-reserved")]
        if entries and not bad:
            entry = self.world.objects.pop(("ConfigMap", data.draw(st.sampled_from(entries))))
            self.world._collect_garbage(entry["metadata"]["uid"])

    @rule(seconds=st.integers(1, 60))
    def time_passes(self, seconds: int) -> None:
        self.world.wait(seconds=seconds)

    def running(self) -> list[str]:
        """Return the Jobs that have not ended."""
        jobs = ((name, job) for (kind, name), job in self.world.objects.items() if kind == "Job")
        return sorted(name for name, job in jobs if "status" not in job)

    def end(self, name: str, *, is_good: bool = True) -> None:
        """Let the Job end; what is not good exits with 1, or finds that outputs are wrong."""
        job = self.world.objects["Job", name]
        step, run = _step(job), job["metadata"]["labels"][LABEL_TRAINING_RUN]
        said: Any = ""
        if step.startswith("seal-"):
            said = SEALED if is_good else MISSING
        elif step.startswith("restore-"):
            said = COPIED if is_good else WRONG
            if is_good:
                self.copied.add((run, step.split("-")[1]))
        code = 0 if is_good or said else 1
        self.world.add(an_ended_pod(job, code=code, said=said))
        self.world.add(ended_job(job, "Failed" if code else "Complete"))

    @invariant()
    def one_is_at_it_at_a_time(self) -> None:
        steps = [_step(self.world.objects["Job", name]) for name in self.running()]
        assert steps.count("prepare") <= 1

    @invariant()
    def nobody_starts_before_the_outputs_are_there(self) -> None:
        for kind, name in self.world.made:
            if kind != "Job" or name in self.seen:
                continue
            self.seen.add(name)
            run = name.partition("-")[0]
            if not name.startswith(f"{run}-train-"):
                continue
            before = self.world.steps(run)["prepare"]
            assert before["state"] in ("Succeeded", "Cached")
            assert before["outputsDigest"]
            if before["state"] == "Cached":
                assert (run, "prepare") in self.copied

    @invariant()
    def what_succeeded_left_what_it_declared(self) -> None:
        for run in RUNS:
            for step in (self.world.status(run) or {}).get("steps", ()):
                if step["state"] in ("Succeeded", "Cached"):
                    assert step["outputsDigest"]
                assert (step["state"] == "Cached") == ("cachedFrom" in step)

    @invariant()
    def the_end_is_final(self) -> None:
        for run in RUNS:
            status = self.world.status(run)
            if status and {"Complete", "Failed"} & set(conditions(status)):
                assert self.finals.setdefault(run, status) == status

    def teardown(self) -> None:
        """Once nothing goes wrong any more, both end."""
        for _ in range(40):
            for run in RUNS:
                self.world.settle(run)
            for name in self.running():
                self.end(name)
            self.world.wait(minutes=10)
        for run in RUNS:
            assert {"Complete", "Failed"} & set(conditions(self.world.status(run)))


def _step(job: Manifest) -> str:
    found: str = job["metadata"]["labels"][LABEL_STEP]
    return found


Cluster.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestAnyOrder = Cluster.TestCase
