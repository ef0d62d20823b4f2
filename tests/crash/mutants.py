"""Bugs planted into the operator one at a time: a harness that misses one does not see."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import PropertyMock, patch

from comal_operator.core.plan import Manifest, Ref, WriteStatus
from comal_operator.core.serving import decide as serving_decide
from comal_operator.core.serving import upkeep
from comal_operator.core.serving.memory import Memory
from comal_operator.core.training import decide as training_decide
from comal_operator.core.training import finish, registration
from comal_operator.core.training import objects as training_objects
from comal_operator.core.training import steps as training_steps
from comal_operator.shell.carry_out import Deeds
from comal_operator.shell.gateway import Gateway
from comal_operator.shell.world import View, World
from crash.life import Kill, Trap, When


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A bug, where it is planted, and the stories and kills that must show it."""

    name: str
    plant: Callable[[ExitStack], None]
    scenarios: tuple[str, ...]
    kills: tuple[Kill, ...] = (Kill(0, When.TWINS),)
    tries: int = 1
    """How often everything is played: some bugs need an unlucky moment."""


def every_write(when: When, to: int, step: int = 1) -> tuple[Kill, ...]:
    """Return kills at the writes up to `to`."""
    return tuple(Kill(number, when) for number in range(1, to + 1, step))


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Run with the bug in place."""
    with ExitStack() as stack:
        mutant.plant(stack)
        yield


def _replace(target: Any, name: str, value: Any) -> Callable[[ExitStack], None]:
    return lambda stack: stack.enter_context(patch.object(target, name, value))


async def _create_by_generate_name(gateway: Gateway, manifest: Manifest) -> Manifest | None:
    meta = {k: v for k, v in manifest["metadata"].items() if k != "name"}
    meta["generateName"] = f"{manifest['metadata']['name']}-"
    body = {**manifest, "metadata": meta}
    return await gateway._write("create", Ref.of(manifest), name="", body=body)


def _random_name(run: Manifest, part: str) -> str:
    return f"{run['metadata']['name']}-{part}-{random.randrange(16**8):08x}"


def _metadata_without_owner(
    owner: Manifest, name: str, labels: Mapping[str, str]
) -> dict[str, Any]:
    return {"name": name, "namespace": owner["metadata"]["namespace"], "labels": dict(labels)}


async def _look_into_cache(world: World, key: Any) -> View | None:
    return world.cached(key)


async def _apply_status_blindly(gateway: Gateway, action: WriteStatus) -> Manifest:
    body = {
        "apiVersion": action.ref.api_version,
        "kind": action.ref.kind,
        "metadata": {"name": action.ref.name, "namespace": action.ref.namespace},
        "status": dict(action.status),
    }
    query = (("fieldManager", "comal-operator"), ("force", "true"))
    return await gateway._write("patch", action.ref, subresource="status", query=query, body=body)


async def _apply_to_strangers(deeds: Deeds, view: View, manifests: tuple[Manifest, ...]) -> View:
    for manifest in manifests:
        view = deeds._known(view, await deeds._gateway.apply(manifest, uid=None))
    return view


def _acknowledge_at_once(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Memory, "is_acknowledged", PropertyMock(return_value=True)))


def _count(model: str, _: Any, versions: list[Manifest]) -> int:
    return 1 + sum(bool(one["spec"]["model"] == model) for one in versions)


def _observe_without_memory(run: Manifest, spec: Any, _: Any, seen: Any) -> Any:
    return tuple(training_steps._observed(run, step, seen) for step in spec.steps)


def _plant_belief(stack: ExitStack) -> None:
    always = PropertyMock(return_value=True)
    stack.enter_context(patch.object(Memory, "is_acknowledged", always))


def _drained_at_once(memory: Memory, *_: Any) -> list[str]:
    return [one.revision for one in memory.draining]


def _plant_drain(stack: ExitStack) -> None:
    for module in (upkeep, serving_decide):
        stack.enter_context(patch.object(module, "drained", _drained_at_once))


MUTANTS = (
    Mutant(
        name="Jobs by generateName",
        plant=_replace(Gateway, "create", _create_by_generate_name),
        scenarios=("steps alone",),
    ),
    Mutant(
        name="children with random names",
        plant=_replace(training_objects, "run_child_name", _random_name),
        scenarios=("steps alone",),
    ),
    Mutant(
        name="no owner on children",
        plant=_replace(training_objects, "child_metadata", _metadata_without_owner),
        scenarios=("steps alone", "run deleted midway"),
    ),
    Mutant(
        name="a run forgets its registration",
        plant=_replace(registration, "registered_by", lambda *_: None),
        scenarios=("first model",),
        kills=every_write(When.AFTER, 34),
    ),
    Mutant(
        name="a run forgets its finished steps",
        plant=_replace(training_decide, "observe_steps", _observe_without_memory),
        scenarios=("job deleted after",),
    ),
    Mutant(
        name="version numbers by counting",
        plant=_replace(finish, "next_number", _count),
        scenarios=("version deleted",),
    ),
    Mutant(
        name="strangers are adopted",
        plant=_replace(Deeds, "_apply", _apply_to_strangers),
        scenarios=("name is taken",),
    ),
    Mutant(
        name="writes on what the cache says",
        plant=_replace(World, "live", _look_into_cache),
        scenarios=("better model", "two at once", "version deleted", "canary promoted"),
        tries=3,
    ),
    Mutant(
        name="status without resourceVersion",
        plant=_replace(Gateway, "apply_status", _apply_status_blindly),
        scenarios=("canary promoted", "third version midway", "job deleted after"),
        tries=4,
    ),
    Mutant(
        name="no look at the Lease",
        plant=_replace(Trap, "remaining", lambda _: 10.0),
        scenarios=("steps alone",),
        kills=every_write(When.DEPOSED, 9, 2),
    ),
    Mutant(
        name="shares rise unacknowledged",
        plant=_plant_belief,
        scenarios=("routers are slow",),
    ),
    Mutant(
        name="Pods go before routers have left",
        plant=_plant_drain,
        scenarios=("routers are slow",),
    ),
)
