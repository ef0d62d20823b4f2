"""Bugs planted into the operator one at a time: a walk that misses one does not see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from comal_operator.api.training_run_status import StepStatus
from comal_operator.api.training_step import EnvVar
from comal_operator.core.plan import Manifest
from comal_operator.core.reasons import RunReason
from comal_operator.core.training import decide
from comal_operator.core.training.look import Look, Next
from comal_operator.core.training.notify import notices
from comal_operator.core.training.objects import workspace_claim
from comal_operator.core.training.prerequisites import prerequisites
from comal_operator.core.training.status import follow
from comal_operator.core.training.steps import _not_started, predecessors
from comal_operator.core.training.stopping import halt
from crash.mutants import replaced, replaced_function
from crash.play import Theatre
from walk.campaign import SIDE_BY_SIDE, Campaign, walk_all

# Walks that are gone before a bug counts as missed.
_WALKS = 60


@dataclass(frozen=True)
class Mutant:
    """A bug and where it is planted."""

    name: str
    plant: Callable[[ExitStack], None]


@contextmanager
def _planted(mutant: Mutant) -> Iterator[None]:
    with ExitStack() as stack:
        mutant.plant(stack)
        yield


async def try_mutants(
    theatre: Theatre, mutants: Sequence[Mutant], tell: Callable[[str], None]
) -> int:
    """Plant each in turn, and walk until it shows; return how many did not."""
    missed = 0
    for mutant in mutants:
        with _planted(mutant):
            found = await _shown(theatre)
        missed += found is None
        tell(f"{mutant.name}: " + (f"found by {found}" if found else "MISSED"))
    tell(f"{missed} of {len(mutants)} planted bugs were missed")
    return missed


async def _shown(theatre: Theatre) -> str | None:
    for first in range(0, _WALKS, SIDE_BY_SIDE):
        some = tuple(range(first, first + SIDE_BY_SIDE))
        tally = await walk_all(theatre, Campaign(1, some), lambda _: None)
        if tally.faults:
            number, fault = min(tally.faults.items())
            return f"walk {number} of seed 1: {fault[:160]}"
    return None


def _without_class(run: Manifest, spec: Any) -> Manifest:
    claim = workspace_claim(run, spec)
    claim["spec"].pop("storageClassName", None)
    return claim


def _not_retained(run: Manifest, spec: Any) -> Manifest:
    if spec.workspace.retain:
        raise KeyError("ownerReferences")
    return workspace_claim(run, spec)


def _untold(look: Look) -> Next | None:
    found = prerequisites(look)
    if found is None or found.state.reason != RunReason.CLAIM_NOT_FOUND:
        return found
    return Next(replace(found.state, reason=RunReason.RUNNING))


def _counted(before: StepStatus, attempt: int) -> StepStatus:
    stopped = _not_started(before, attempt)
    lost = before.state == "Running" and before.attempts == attempt
    return stopped.model_copy(update={"failures": (before.failures or 0) + 1} if lost else {})


MUTANTS = (
    Mutant("the claim is of no class", replaced_function(workspace_claim, _without_class)),
    Mutant("retain is an accident", replaced_function(workspace_claim, _not_retained)),
    Mutant("`after` is not heeded", replaced_function(predecessors, lambda *_: ())),
    Mutant("suspend stops nothing", replaced_function(halt, lambda _: ())),
    Mutant("what changed after the end is ignored", replaced_function(follow, lambda _: None)),
    Mutant("no webhook is told", replaced_function(notices, lambda *_: ())),
    Mutant("env is left empty", replaced(EnvVar, "to_env", lambda one: {"name": one.name})),
    Mutant("a stopped attempt counts as a failure", replaced_function(_not_started, _counted)),
    Mutant(
        "nobody is told that the claim is missing",
        replaced(
            decide,
            "STAGES",
            tuple(_untold if stage is prerequisites else stage for stage in decide.STAGES),
        ),
    ),
)
