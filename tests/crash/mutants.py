"""Bugs planted into the operator one at a time: a harness that misses one does not see."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from comal_operator.api.training_run_status import TrainingRunStatus
from comal_operator.core.children import child_metadata
from comal_operator.core.plan import (
    Action,
    Apply,
    Manifest,
    Plan,
    Question,
    Ref,
    WriteStatus,
)
from comal_operator.core.registry.numbers import next_number
from comal_operator.core.serving.autoscaling import is_handed_over
from comal_operator.core.serving.checks import round_key
from comal_operator.core.serving.memory import Memory
from comal_operator.core.serving.retirement import is_left
from comal_operator.core.serving.rollout import advance, drained
from comal_operator.core.serving.sight import Sight
from comal_operator.core.serving.upkeep import Upkeep
from comal_operator.core.training import decide
from comal_operator.core.training.cache import Turn, turn
from comal_operator.core.training.objects import run_child_name
from comal_operator.core.training.registration import registered_by
from comal_operator.core.training.steps import Eyes, Observation, observe_steps
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
    quick: bool = False
    """Whether every build plants it: it shows within seconds."""


def every_write(when: When, to: int, step: int = 1) -> tuple[Kill, ...]:
    """Return kills at the writes up to `to`."""
    return tuple(Kill(number, when) for number in range(1, to + 1, step))


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Run with the bug in place."""
    with ExitStack() as stack:
        mutant.plant(stack)
        yield


def replaced(target: Any, name: str, value: Any) -> Callable[[ExitStack], None]:
    """Return what plants `value` there."""
    return lambda stack: stack.enter_context(patch.object(target, name, value))


def replaced_function(function: Callable[..., Any], value: Any) -> Callable[[ExitStack], None]:
    """Return what plants `value` wherever the operator imported `function` to."""

    def plant(stack: ExitStack) -> None:
        ours = [one for name, one in sys.modules.items() if name.startswith("comal_operator.")]
        for module in ours:
            if vars(module).get(function.__name__) is function:
                stack.enter_context(patch.object(module, function.__name__, value))

    return plant


async def _create_by_generate_name(gateway: Gateway, manifest: Manifest) -> Manifest | None:
    meta = {k: v for k, v in manifest["metadata"].items() if k != "name"}
    meta["generateName"] = f"{manifest['metadata']['name']}-"
    body = {**manifest, "metadata": meta}
    return await gateway._write("create", Ref.of(manifest), name="", body=body)


def _random_name(run: Manifest, part: str) -> str:
    return f"{run['metadata']['name']}-{part}-{random.randrange(16**8):08x}"


def _random_round(*_: Any) -> str:
    return f"{random.randrange(16**8):08x}"


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


async def _apply_to_strangers(deeds: Deeds, view: View, action: Apply) -> View:
    for manifest in action.manifests:
        view = deeds._known(view, await deeds._gateway.apply(manifest, uid=None))
    return view


async def _believe(_: Gateway, __: Manifest) -> None:
    """Take whatever has the name for ours."""


def _count(model: str, _: Any, versions: list[Manifest]) -> int:
    return 1 + sum(bool(one["spec"]["model"] == model) for one in versions)


def _observe_without_memory(eyes: Eyes, status: TrainingRunStatus) -> Observation:
    return observe_steps(eyes, status.model_copy(update={"steps": ()}))


def _advance_unasked(memory: Memory, sight: Sight) -> Memory:
    believed = replace(memory, acknowledged=memory.traffic)
    return advance(believed, replace(sight, is_confirmed=True))


def _drained_at_once(memory: Memory, *_: Any) -> list[str]:
    return [one.revision for one in memory.draining]


def _believed_handed_over(deployment: Manifest | None) -> bool:
    return deployment is not None and bool(deployment["spec"].get("replicas"))


def _plant_drain(stack: ExitStack) -> None:
    replaced_function(drained, _drained_at_once)(stack)
    replaced_function(is_left, lambda *_: True)(stack)


def _status_first(
    actions: tuple[Action, ...] = (), questions: tuple[Question, ...] = (), again: Any = None
) -> Plan:
    ordered = sorted(actions, key=lambda one: not isinstance(one, WriteStatus))
    return Plan(tuple(ordered), questions, again)


MUTANTS = (
    Mutant(
        name="Jobs by generateName",
        quick=True,
        plant=replaced(Gateway, "create", _create_by_generate_name),
        scenarios=("steps alone",),
    ),
    Mutant(
        name="children with random names",
        quick=True,
        plant=replaced_function(run_child_name, _random_name),
        scenarios=("steps alone",),
    ),
    Mutant(
        name="no owner on children",
        plant=replaced_function(child_metadata, _metadata_without_owner),
        scenarios=("steps alone", "run deleted midway"),
    ),
    Mutant(
        name="a run forgets its registration",
        plant=replaced_function(registered_by, lambda *_: None),
        scenarios=("first model",),
        kills=every_write(When.AFTER, 34),
    ),
    Mutant(
        name="a run forgets its finished steps",
        quick=True,
        plant=replaced_function(observe_steps, _observe_without_memory),
        scenarios=("job deleted after",),
    ),
    Mutant(
        name="version numbers by counting",
        quick=True,
        plant=replaced_function(next_number, _count),
        scenarios=("version deleted",),
    ),
    Mutant(
        name="strangers are adopted",
        plant=replaced(Deeds, "_apply", _apply_to_strangers),
        scenarios=("name is taken",),
    ),
    Mutant(
        name="keys of one who is gone are kept",
        quick=True,
        plant=replaced(Gateway, "check_controller", _believe),
        scenarios=("endpoint deleted midway",),
        # Whether the namesake's are still there when they are made is a matter of luck.
        kills=(Kill(0, When.TWINS),) * 3,
    ),
    Mutant(
        name="writes on what the cache says",
        quick=True,
        plant=replaced(World, "live", _look_into_cache),
        scenarios=("last job deleted",),
    ),
    Mutant(
        name="an edge is remembered before it is told",
        plant=replaced(decide, "Plan", _status_first),
        scenarios=("webhooks told",),
        kills=every_write(When.AFTER, 24),
    ),
    Mutant(
        name="status without resourceVersion",
        quick=True,
        plant=replaced(Gateway, "apply_status", _apply_status_blindly),
        scenarios=("last job deleted",),
        # On a busy machine the others may not have gone far enough when the late write comes.
        kills=every_write(When.FROZEN, 8) * 3,
    ),
    Mutant(
        name="no look at the Lease",
        quick=True,
        plant=replaced(Trap, "remaining", lambda _: 10.0),
        scenarios=("steps alone",),
        kills=every_write(When.DEPOSED, 9, 2),
    ),
    Mutant(
        name="shares rise unacknowledged",
        quick=True,
        plant=replaced_function(advance, _advance_unasked),
        scenarios=("routers are slow",),
    ),
    Mutant(
        name="what routers run is not compared",
        plant=replaced(Upkeep, "tell_again", lambda *_: ()),
        scenarios=("deploy first",),
        kills=every_write(When.FROZEN, 24),
    ),
    Mutant(
        name="a check's rounds have random names",
        quick=True,
        plant=replaced_function(round_key, _random_round),
        scenarios=("a program at each step",),
    ),
    Mutant(
        name="nobody owns the number of Pods",
        plant=replaced_function(is_handed_over, _believed_handed_over),
        scenarios=("autoscaler takes over",),
    ),
    Mutant(
        name="equal steps run side by side",
        plant=replaced_function(turn, lambda *_: Turn()),
        scenarios=("one key, two runs",),
    ),
    Mutant(
        name="Pods go before routers have left",
        plant=_plant_drain,
        scenarios=("routers are slow",),
    ),
)
