"""How a sweep asks for its next trials: the space, the results so far, and how many are wanted.

Values travel in the order of the parameters' names; a choice is the number of its place in the
list, so that a long list of texts is sent once or never. Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from comal_trainer.contract import ContractError, JobError, _count, _error, _Message, _text

SUGGEST_COMMAND: Final = "suggest"
# So many suggestions fit into one answer, whatever the space is.
MAX_SUGGESTIONS: Final = 8

SamplerName = Literal["Random", "TPE"]
Goal = Literal["Minimize", "Maximize"]
State = Literal["Running", "Succeeded", "Pruned", "Failed"]


@dataclass(frozen=True, slots=True)
class Dimension:
    """The values of one parameter: `size` places of a choice, or numbers from `least` to `most`."""

    kind: Literal["choice", "uniform", "logUniform", "integer"]
    size: int = 0
    least: str = ""
    most: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One trial so far: its values, how it stands, and its value of the objective if it has one."""

    values: tuple[str, ...]
    state: State
    value: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What `suggest` is asked."""

    space: tuple[Dimension, ...]
    sampler: SamplerName
    goal: Goal
    seed: int
    history: tuple[Told, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Suggested(_Message):
    """The answer of `suggest`: the values of each new trial, in the order of the space."""

    trials: tuple[tuple[str, ...], ...] = ()
    error: JobError | None = None

    @classmethod
    def _read(cls, value: Any) -> Self:
        trials = tuple(tuple(_text(one) for one in trial) for trial in value.get("trials", []))
        return cls(trials=trials, error=_error(value["error"]))


def suggest_arguments(request: Request) -> tuple[str, ...]:
    """Return the container arguments of the job that suggests trials."""
    asked = {
        "space": [[d.kind, d.size, d.least, d.most] for d in request.space],
        "sampler": request.sampler,
        "goal": request.goal,
        "seed": request.seed,
        "history": [[list(told.values), told.state, told.value] for told in request.history],
        "count": request.count,
    }
    return (SUGGEST_COMMAND, f"--request={json.dumps(asked, separators=(',', ':'))}")


def read_request(text: str) -> Request:
    """Return the request of `suggest_arguments`; raise ContractError."""
    try:
        value = json.loads(text)
        return Request(
            space=tuple(_dimension(*item) for item in value["space"]),
            sampler=value["sampler"],
            goal=value["goal"],
            seed=_count(value["seed"]),
            history=tuple(_told(*item) for item in value["history"]),
            count=_count(value["count"]),
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ContractError(f"request: {error!s:.200}") from error


def _dimension(kind: Any, size: Any, least: Any, most: Any) -> Dimension:
    return Dimension(kind, _count(size), _text(least), _text(most))


def _told(values: Sequence[Any], state: Any, value: Any) -> Told:
    return Told(tuple(_text(one) for one in values), state, _text(value))
