"""What people and the cluster do to the runs of a walk, one transition at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from comal_operator.api.meta import API_VERSION
from comal_operator.shell.resources import RESOURCES
from crash.cluster import Body, Cluster, Mirror
from crash.standin.jobs import Ending
from walk.cluster_around import PART, Around, Part
from walk.specs import Spec

REFUSED = (400, 422)


class ShouldNotBeError(AssertionError):
    """The API server answered what it should not."""


@dataclass
class Scene:
    """One namespace, as people act in it."""

    cluster: Cluster
    mirror: Mirror
    namespace: str
    around: Around
    sent: dict[str, Spec] = field(default_factory=dict)
    """By uid, the spec of every run that was taken, as it should be now."""
    refusals: int = 0
    """How many specs were refused that were meant to be taken."""
    hours: float = 0.0
    """Hours that people let pass."""

    def run(self, name: str) -> Body | None:
        """Return a run, or None."""
        return self.mirror.get("TrainingRun", self.namespace, name)

    async def change(self, name: str, spec: Spec) -> tuple[int, Body]:
        """Merge-patch a run's spec; (404, {}) if there is none."""
        path = RESOURCES["TrainingRun"].path(self.namespace, name)
        kind = "application/merge-patch+json"
        return await self.cluster.ask("PATCH", path, {"spec": spec}, kind)

    async def make(self, kind: str, name: str, **more: Any) -> None:
        """Create an object unless it is there."""
        meta = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": RESOURCES[kind].api_version, "kind": kind, "metadata": meta}
        await self.cluster.create({**body, **more})

    async def remove(self, kind: str, name: str) -> None:
        """Delete an object, if it is there."""
        body = await self.cluster.get(kind, self.namespace, name)
        if body is not None:
            await self.cluster.delete({**body, "kind": kind})


class Move(Protocol):
    """One transition."""

    async def do(self, scene: Scene) -> None:
        """Do it; raise ShouldNotBeError if the API server does not answer as it should."""


@dataclass(frozen=True)
class Create:
    """Somebody applies a spec that the schema allows."""

    run: str
    spec: Spec
    part: Part
    number: str

    async def do(self, scene: Scene) -> None:
        """Create the run; a refusal must say what is wrong in words of the spec."""
        scene.around.parts[self.number] = Part(**vars(self.part))
        status, said = await _post(scene, self.run, self.spec, self.number)
        if status < 400:
            scene.sent[said["metadata"]["uid"]] = said["spec"]
        elif status in REFUSED:
            scene.refusals += 1
            _must_name(said, tuple(_names(self.spec)))
        elif status != 409:
            raise ShouldNotBeError(f"{status}: {said.get('message')}")


@dataclass(frozen=True)
class CreateWrong:
    """Somebody applies a spec with one mistake."""

    run: str
    spec: Spec
    what: str
    word: str

    async def do(self, scene: Scene) -> None:
        """Raise ShouldNotBeError unless it is refused by the name of the field."""
        status, said = await _post(scene, self.run, self.spec, "")
        if status not in REFUSED:
            raise ShouldNotBeError(f"{self.what}: answered {status} instead of a refusal")
        _must_name(said, (self.word,))


@dataclass(frozen=True)
class Change:
    """Somebody changes what may be changed of a run."""

    run: str
    spec: Spec

    async def do(self, scene: Scene) -> None:
        """Patch the run, if it is there."""
        status, said = await scene.change(self.run, self.spec)
        if status == 404:
            return
        if status >= 400:
            if "cancel is final" in said.get("message", "") and self.spec.get("cancel") is False:
                return
            raise ShouldNotBeError(f"{self.spec}: {status}: {said.get('message')}")
        scene.sent[said["metadata"]["uid"]] = said["spec"]


@dataclass(frozen=True)
class ChangeFixed:
    """Somebody changes what may not be changed."""

    run: str
    spec: Spec

    async def do(self, scene: Scene) -> None:
        """Raise ShouldNotBeError if that is taken, unless it says what was there already."""
        before = await scene.cluster.get("TrainingRun", scene.namespace, self.run)
        status, said = await scene.change(self.run, self.spec)
        if before is None or status == 404:
            return
        if status < 400 and said["spec"] != before["spec"]:
            raise ShouldNotBeError(f"{self.spec} was taken although it is immutable")
        if status >= 400:
            _must_name(said, ("immutable", *self.spec))


@dataclass(frozen=True)
class DeleteRun:
    """Somebody deletes a run."""

    run: str

    async def do(self, scene: Scene) -> None:
        """Delete the run, if it is there."""
        await scene.remove("TrainingRun", self.run)


@dataclass(frozen=True)
class Release:
    """The steps that were held end as their script says."""

    run: str

    async def do(self, scene: Scene) -> None:
        """Release all of the run's steps, now and later."""
        part = part_of(scene, self.run)
        if part is not None:
            part.released = True


@dataclass(frozen=True)
class EndJobs:
    """The running Jobs of a run end: evicted, lost, failed, or by the deletion of their Pods."""

    run: str
    ending: Ending | None

    async def do(self, scene: Scene) -> None:
        """Let them end."""
        scene.around.end_live(self.run, self.ending)


@dataclass(frozen=True)
class DeleteJobs:
    """Somebody deletes the running Jobs of a run."""

    run: str

    async def do(self, scene: Scene) -> None:
        """Delete them."""
        body = scene.run(self.run)
        for job in list(scene.around.live.values()):
            owner = job["metadata"]["ownerReferences"][0]["uid"]
            if body is not None and owner == body["metadata"]["uid"]:
                await scene.cluster.delete(job)


@dataclass(frozen=True)
class Appear:
    """What runs refer to is there from now on."""

    kind: str
    name: str

    async def do(self, scene: Scene) -> None:
        """Make it."""
        if self.kind == "StorageClass":
            scene.around.classes.add(self.name)
            return
        await scene.make(self.kind, self.name, spec=_SPECS[self.kind])


@dataclass(frozen=True)
class Vanish:
    """What runs refer to goes."""

    kind: str
    name: str

    async def do(self, scene: Scene) -> None:
        """Delete it."""
        if self.kind == "StorageClass":
            scene.around.classes.discard(self.name)
            return
        await scene.remove(self.kind, self.name)


_SPECS: Mapping[str, Spec] = {
    "PersistentVolumeClaim": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
    "ModelRegistry": {"store": {"embedded": {}}},
}


def part_of(scene: Scene, run: str) -> Part | None:
    """Return the part that a run plays, or None if it is not there."""
    body = scene.run(run) or {"metadata": {}}
    number = (body["metadata"].get("annotations") or {}).get(PART, "")
    return scene.around.parts.get(number)


async def _post(scene: Scene, name: str, spec: Spec, number: str) -> tuple[int, Body]:
    meta = {"name": name, "namespace": scene.namespace, "annotations": {PART: number}}
    body = {"apiVersion": API_VERSION, "kind": "TrainingRun", "metadata": meta, "spec": spec}
    path = RESOURCES["TrainingRun"].path(scene.namespace)
    return await scene.cluster.ask("POST", path, body)


def _must_name(said: Body, words: tuple[str, ...]) -> None:
    message = said.get("message", "")
    if not any(word in message for word in words):
        raise ShouldNotBeError(f"the refusal names none of {words[:5]}: {message[:300]}")


def _names(value: Any) -> list[str]:
    """Return the names of all fields in a spec."""
    if isinstance(value, dict):
        return [*value, *(name for one in value.values() for name in _names(one))]
    if isinstance(value, list):
        return [name for one in value for name in _names(one)]
    return []
