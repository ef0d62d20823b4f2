"""A namespace of several runs with an equal step, which meet at the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from comal_operator.core.names import LABEL_TRAINING_RUN
from comal_operator.core.plan import Manifest, Named, Plan, Seen
from comal_operator.core.training.decide import plan_training_run
from make import DIGEST, SETTINGS, a_run, an_ended_pod, conditions, ended_job
from training_world import World

SEALED = {"outputs": [{"digest": DIGEST, "size": 3, "files": 1}], "error": None}
WRONG = {"size": 0, "error": {"reason": "CacheInvalid", "message": "output data/ is another"}}
NAMESPACED = ("TrainingRun", "ModelRegistry", "ModelVersion")


@dataclass
class Namespace(World):
    """A namespace of several runs, of which each sees its own, as the shell shows it."""

    writes: int = 0

    def plan(self, name: str = "diabetes") -> Plan:
        shown = {
            key: thing
            for key, thing in self.objects.items()
            if key[0] in (*NAMESPACED, "Event")
            or (thing["metadata"].get("labels") or {}).get(LABEL_TRAINING_RUN) == name
        }
        answers: dict[Any, Any] = dict(self.answers)
        while True:
            seen = Seen(shown, answers, self.refusals)
            plan = plan_training_run(self.run(name), seen, now=self.now, settings=SETTINGS)
            new = [q for q in plan.questions if isinstance(q, Named) and q not in answers]
            if not new:
                return plan
            answers |= {
                question: self.objects.get((question.kind, question.name)) for question in new
            }

    def carry_out(self, plan: Plan) -> None:
        self.writes += 1
        super().carry_out(plan)

    def _collect_garbage(self, uid: str) -> None:
        for key, thing in list(self.objects.items()):
            owners = thing["metadata"].get("ownerReferences") or ()
            left = [owner for owner in owners if owner["uid"] != uid]
            if owners and not left:
                del self.objects[key]
            elif len(left) < len(owners):
                meta = {**thing["metadata"], "ownerReferences": left}
                self.objects[key] = {**thing, "metadata": meta}

    def delete_run(self, name: str) -> None:
        uid = self.objects.pop(("TrainingRun", name))["metadata"]["uid"]
        self._collect_garbage(uid)

    def job_of(self, run: str, part: str) -> Manifest:
        found = [n for k, n in self.made if k == "Job" and n.startswith(f"{run}-{part}-")]
        return self.objects["Job", found[-1]]

    def has_made(self, run: str, part: str) -> bool:
        return any(k == "Job" and n.startswith(f"{run}-{part}-") for k, n in self.made)

    def finish(self, run: str, part: str, said: Any = "") -> None:
        self.settle(run)
        job = self.job_of(run, part)
        self.add(an_ended_pod(job, said=said), ended_job(job))
        self.settle(run)

    def steps(self, run: str) -> dict[str, Any]:
        return {step["name"]: step for step in self.status(run)["steps"]}

    def states(self, run: str) -> list[str]:
        return [step["state"] for step in self.status(run)["steps"]]

    def caches(self) -> list[str]:
        return [name for kind, name in self.objects if kind == "ConfigMap" and "cache" in name]


def a_cached_run(name: str, *, cache: Any = None, train: Any = None, **spec: Any) -> Manifest:
    run = a_run(name=name, **spec)
    run["spec"]["steps"] = [
        {"name": "prepare", "outputs": ["data/"], "cache": cache or {}},
        {"name": "train", **(train or {})},
    ]
    return run


def after_one(**spec: Any) -> Namespace:
    """Return a namespace in which run `one` is through."""
    world = Namespace().add(a_cached_run("one", **spec))
    assert isinstance(world, Namespace)
    world.finish("one", "prepare")
    world.finish("one", "comal-seal-prepare", SEALED)
    world.finish("one", "train")
    assert conditions(world.status("one"))["Complete"] == ("True", "Completed")
    return world


def with_two(world: Namespace, **spec: Any) -> Namespace:
    world.add(a_cached_run("two", **spec))
    world.settle("two")
    return world
