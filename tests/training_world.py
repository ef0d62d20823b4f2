"""A namespace small enough to hold in the hand: it carries plans out as the shell does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from comal_operator.core.conditions import is_true
from comal_operator.core.names import LABEL_ATTEMPT
from comal_operator.core.plan import (
    Action,
    Apply,
    Create,
    Delete,
    Manifest,
    Plan,
    Question,
    Seen,
    Settings,
    WriteStatus,
)
from comal_operator.core.registry.numbers import high_water
from comal_operator.core.training.decide import plan_training_run
from make import DIGEST, NOON, NOON_TEXT, SETTINGS, an_ended_pod, ended_job

ANSWERS: dict[str, Any] = {
    "comal-collect": {"metrics": {"mse": "3295.714948"}, "error": None},
    "comal-convert": {
        "format": "onnx",
        "sourceFormat": "sklearn-joblib",
        "contract": "data-matrix",
        "parity": {"maxDifference": "1e-05", "samples": 20, "proved": True},
        "signature": None,
        "labels": [],
        "error": None,
    },
    "comal-register": {"digest": DIGEST, "size": 1, "files": 1, "error": None},
}


def step_of(job: str, *steps: str) -> str | None:
    """Return which of `steps` the Job of that name is for, whatever attempt it is."""
    part = job.removeprefix("diabetes-").rpartition("-")[0]
    return next((s for s in steps if re.fullmatch(rf"{re.escape(s)}(-[0-9]+)?", part)), None)


def attempt_of(job: Manifest) -> int:
    """Return the number of the attempt that the Job is."""
    return int(job["metadata"]["labels"].get(LABEL_ATTEMPT, 1))


def deeds(plan: Plan) -> tuple[Action, ...]:
    """Return what the plan does besides telling people of it in Events."""
    return tuple(action for action in plan.actions if not _is_event(action))


def _is_event(action: Action) -> bool:
    return isinstance(action, Create) and action.manifest["kind"] == "Event"


@dataclass
class World:
    """Objects by (kind, name); `made` remembers every creation, whatever is deleted since."""

    objects: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    answers: dict[Question, Any] = field(default_factory=dict)
    refusals: dict[tuple[str, str], str] = field(default_factory=dict)
    made: list[tuple[str, str]] = field(default_factory=list)
    now: datetime = NOON
    settings: Settings = SETTINGS
    _serial: int = 0

    def add(self, *manifests: Manifest) -> World:
        """Put objects there that nobody here made."""
        for manifest in manifests:
            self.objects[manifest["kind"], manifest["metadata"]["name"]] = manifest
        return self

    def run(self, name: str = "diabetes") -> Manifest:
        """Return the run as it stands."""
        return self.objects["TrainingRun", name]

    def status(self, name: str = "diabetes") -> Any:
        """Return its status."""
        return self.run(name).get("status") or {}

    def plan(self, name: str = "diabetes") -> Plan:
        """Decide once."""
        seen = Seen(self.objects, self.answers, self.refusals)
        return plan_training_run(self.run(name), seen, now=self.now, settings=self.settings)

    def settle(self, name: str = "diabetes") -> Plan:
        """Carry out first actions until there is none left; return the last plan."""
        for _ in range(60):
            plan = self.plan(name)
            open_questions = [q for q in plan.questions if q not in self.answers]
            if open_questions:
                self.answers |= {question: [] for question in open_questions}
            elif plan.actions:
                self.carry_out(plan)
            else:
                return plan
        raise AssertionError(f"never settles: {plan}")

    def carry_out(self, plan: Plan) -> None:
        """Do the plan's first action as the API server would."""
        action = plan.actions[0]
        if isinstance(action, Create):
            self._create(action.manifest)
        elif isinstance(action, Delete):
            self.objects.pop((action.ref.kind, action.ref.name), None)
            self._collect_garbage(action.uid)
        elif isinstance(action, Apply):
            for manifest in action.manifests:
                key = (manifest["kind"], manifest["metadata"]["name"])
                old = self.objects[key]
                meta = {**old["metadata"], **manifest["metadata"]}
                self.objects[key] = {**old, "metadata": meta}
                if "spec" in manifest:
                    spec = {**old["spec"], **manifest["spec"]}
                    self.objects[key] = {**self.objects[key], "spec": spec}
        elif isinstance(action, WriteStatus):
            key = (action.ref.kind, action.ref.name)
            old = self.objects[key]
            assert old["metadata"]["resourceVersion"] == action.resource_version
            meta = {**old["metadata"], "resourceVersion": self._next()}
            self.objects[key] = {**old, "metadata": meta, "status": dict(action.status)}

    def job(self, step: str) -> Manifest:
        """Return the newest Job of a step, or of comal-collect, comal-convert, comal-register."""
        found = [
            thing
            for (kind, name), thing in self.objects.items()
            if kind == "Job" and step_of(name, step) == step
        ]
        assert found, f"no Job of {step} in {sorted(self.objects)}"
        return max(found, key=attempt_of)

    def end(self, step: str, *, code: int = 0, said: Any = None) -> None:
        """Let the step's Pod and Job end."""
        job = self.job(step)
        text = ANSWERS.get(step, "") if said is None else said
        self.add(an_ended_pod(job, code=code, said=text))
        self.add(ended_job(job, "Failed" if code else "Complete"))

    def register_everything(self, name: str = "diabetes", upto: str = "comal-register") -> None:
        """Let the run go its way up to the end of the Job `upto`."""
        for step in ("train", "comal-collect", "comal-convert", "comal-register"):
            self.settle(name)
            self.end(step)
            if step == upto:
                return

    def remember_numbers(self) -> None:
        """Do what the ModelRegistry's own look does."""
        versions = [thing for (kind, _), thing in self.objects.items() if kind == "ModelVersion"]
        for key, registry in list(self.objects.items()):
            if key[0] == "ModelRegistry":
                status = {**registry["status"], "lastVersions": high_water(registry, versions)}
                self.objects[key] = {**registry, "status": status}

    def wait(self, **time: float) -> World:
        """Let time pass."""
        self.now += timedelta(**time)
        return self

    def copy(self) -> World:
        """Return a world that goes its own way from here."""
        return replace(self, objects=dict(self.objects), answers=dict(self.answers))

    def _create(self, manifest: Manifest) -> None:
        key = (manifest["kind"], manifest["metadata"]["name"])
        assert key not in self.objects, f"{key} is there"
        serial = self._next()
        meta = {
            **manifest["metadata"],
            "uid": f"uid-{serial}",
            "resourceVersion": serial,
            "creationTimestamp": NOON_TEXT,
            "generation": 1,
        }
        self.objects[key] = {**manifest, "metadata": meta}
        self.made.append(key)

    def _collect_garbage(self, uid: str) -> None:
        for key, thing in list(self.objects.items()):
            owners = thing["metadata"].get("ownerReferences") or ()
            if any(owner["uid"] == uid for owner in owners):
                self._let_go(key, thing)

    def _let_go(self, key: tuple[str, str], thing: Manifest) -> None:
        """Delete a child at once; a running Pod waits for the kubelet of a node that is there."""
        node = (thing.get("spec") or {}).get("nodeName")
        if key[0] == "Pod" and node and not self._works(node):
            meta = {**thing["metadata"], "deletionTimestamp": NOON_TEXT}
            self.objects[key] = {**thing, "metadata": meta}
        else:
            del self.objects[key]

    def _works(self, node: str) -> bool:
        there = self.objects.get(("Node", node))
        return not self.settings.watch_nodes or (
            there is not None and is_true(there["status"]["conditions"], "Ready")
        )

    def _next(self) -> str:
        self._serial += 1
        return str(self._serial)
