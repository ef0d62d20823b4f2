"""Whatever happens in whatever order: no share for who cannot serve, no scale under a share.

What may never happen is judged by the world itself at each write; see `serving_world`.
"""

from __future__ import annotations

from decimal import Decimal

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from comal_operator.core.serving.acknowledgement import traffic_of
from make import a_version
from serving_world import ServingWorld, an_endpoint

DIGESTS = {number: "sha256:" + "abcdef"[number] * 64 for number in range(1, 6)}
BROKEN = 5
STEPS = [{"percent": "10", "for": "60s"}, {"percent": "50", "for": "60s"}]


class Cluster(RuleBasedStateMachine):
    """A cluster in which Pods die, routers dawdle, people edit and the operator crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.world = ServingWorld()
        self.variants: dict[str, tuple[str, str]] = {}

    @initialize(steps=st.booleans(), bake=st.sampled_from(["0s", "1m"]))
    def begin(self, steps: bool, bake: str) -> None:
        rollout = {"steps": STEPS if steps else [], "bake": bake}
        self.world.add(an_endpoint(rollout=rollout, revisionHistoryLimit=1))
        self.world.broken[DIGESTS[BROKEN]] = ("DigestMismatch", "not what it was")
        for number, digest in DIGESTS.items():
            self.world.add(a_version(number, digest=digest))
        self.world.edit(model={"name": "diabetes", "version": "1"})

    @rule(times=st.integers(1, 6), caught_up=st.booleans())
    def the_operator_dies_after_a_few_writes(self, times: int, caught_up: bool) -> None:
        for _ in range(times):
            self.world.step()
            if caught_up:
                self.world.controllers()

    @rule(seconds=st.sampled_from([0, 1, 20, 61, 130, 700]))
    def all_go_on(self, seconds: int) -> None:
        self.world.settle(seconds)

    @rule(number=st.integers(1, 3), seconds=st.sampled_from([0, 30, 90, 200]))
    def somebody_wants_another_version(self, number: int, seconds: int) -> None:
        self.world.edit(model={"name": "diabetes", "version": str(number)})
        self.world.settle(seconds)

    @rule(version=st.sampled_from(["4", str(BROKEN), "9"]), replicas=st.integers(1, 3))
    def somebody_edits(self, version: str, replicas: int) -> None:
        self.world.edit(model={"name": "diabetes", "version": version}, replicas=replicas)

    @rule(
        green=st.sampled_from([None, ("2", "0"), ("2", "30"), ("3", "30"), (str(BROKEN), "30")]),
        blue=st.sampled_from([None, ("1", "70"), ("3", "0.5"), ("9", "0.5")]),
        seconds=st.sampled_from([0, 0, 30, 90]),
    )
    def somebody_edits_the_variants(
        self, green: tuple[str, str] | None, blue: tuple[str, str] | None, seconds: int
    ) -> None:
        wanted = {"green": green, "blue": blue}
        self.variants = {name: one for name, one in wanted.items() if one is not None}
        listed = [
            {"name": name, "model": {"name": "diabetes", "version": version}, "percent": percent}
            for name, (version, percent) in self.variants.items()
        ]
        self.world.edit(variants=listed)
        self.world.settle(seconds)

    @rule(data=st.data(), ready=st.booleans())
    def a_pod_dies_or_stumbles(self, data: st.DataObject, ready: bool) -> None:
        names = [one["metadata"]["name"] for one in self.world.pods()]
        if names:
            pod = self.world.objects["Pod", data.draw(st.sampled_from(names))]
            if ready:
                self.world.delete_pod(pod)
            else:
                self.world.set_ready(pod, ready=False)

    @rule(seconds=st.sampled_from([0, 20, 8000]))
    def pods_recover_before_anybody_looks(self, seconds: int) -> None:
        self.world.wait(seconds)
        self.world.recover()

    @rule(lazy=st.booleans())
    def kubelets_dawdle(self, lazy: bool) -> None:
        self.world.lazy = lazy

    @rule(what=st.sampled_from(["child", "status", "upgrade", "outage"]), data=st.data())
    def something_rare(self, what: str, data: st.DataObject) -> None:
        if what == "child":
            kinds = ("Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget")
            there = sorted(key for key in self.world.objects if key[0] in kinds)
            if there:
                self.world.objects.pop(data.draw(st.sampled_from(there)))
        elif what == "status":
            # As a backup that was restored, or `kubectl replace`, leaves it.
            self.world.mdep["status"] = {"observedGeneration": -1}
            self.world.mdep["metadata"]["resourceVersion"] = str(self.world.serial + 1000)
        elif what == "upgrade":
            self.world.upgrade()
        else:
            for pod in self.world.pods():
                self.world.set_ready(pod, ready=False)

    @invariant()
    def shares_make_a_hundred(self) -> None:
        for running in self.world.runs.values():
            shares = traffic_of(running).values()
            assert not shares or sum(map(Decimal, shares)) == 100

    def teardown(self) -> None:
        """Once nothing disturbs any more, the end is the one that the spec asks for."""
        if not self.world.objects:
            return
        self.world.lazy = False
        self.world.settle(20_000)
        self.world.recover()
        self.world.settle(20_000)
        plan = self.world.plan()
        assert not plan.actions, "the second look is silent"
        assert not plan.questions
        self._ends_well()

    def _ends_well(self) -> None:
        status = self.world.status
        wanted = self.world.mdep["spec"]["model"]["version"]
        reason = self.world.condition("Ready")["reason"]
        rejected = {one["modelVersion"] for one in status.get("rejected", ())}
        if wanted == "9":
            assert reason == "ModelNotFound"
        elif f"diabetes-v{wanted}" in rejected and reason == "RolledBack":
            assert status["stable"]["modelVersion"] != f"diabetes-v{wanted}"
        elif wanted == str(BROKEN):
            assert reason == "DigestMismatch"
        elif {number for number, _ in self.variants.values()} & {"9", str(BROKEN)}:
            assert reason in ("ModelNotFound", "DigestMismatch"), self.world.condition("Ready")
        else:
            assert reason == "Serving", self.world.condition("Ready")
            assert status["stable"]["modelVersion"] == f"diabetes-v{wanted}"
        assert "candidate" not in status or "stable" not in status
        if "stable" in status:
            stable = status["stable"]["revision"]
            listed = status.get("variants", ())
            beside = {one["serving"]["revision"] for one in listed if "serving" in one}
            coming = {one["following"]["revision"] for one in listed if "following" in one}
            for router in self.world.routers():
                running = traffic_of(self.world.runs[router["metadata"]["name"]])
                assert set(running) == {stable, *beside}
                self._shares_end_well(running)
            replicas = {
                name: one["spec"]["replicas"]
                for (kind, name), one in self.world.objects.items()
                if kind == "Deployment" and not name.endswith("-router")
            }
            running_ones = {name for name, count in replicas.items() if count}
            assert running_ones == {f"diabetes-{one}" for one in (stable, *beside, *coming)}
            # The limit counts those beside the one that serves, and the one that is asked for.
            assert len(replicas) <= 3 + len(beside) + len(coming)

    def _shares_end_well(self, running: dict[str, str]) -> None:
        """Each variant whose model can serve has exactly the share that it is given."""
        for one in self.world.status.get("variants", ()):
            number, percent = self.variants[one["name"]]
            if number not in ("9", str(BROKEN)):
                assert one["serving"]["modelVersion"] == f"diabetes-v{number}"
                assert running[one["serving"]["revision"]] == percent


Cluster.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
TestAnyOrder = Cluster.TestCase
