"""The trials that a sweep may make: every combination of a grid, or what is suggested."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, product
from math import prod

from comal_operator.api.training_run_status import TrialStatus
from comal_operator.api.training_sweep import SearchSpace, Sweep
from comal_trainer.contract.sweep import MAX_SUGGESTIONS, Dimension, Request, State, Told

_STATES: Mapping[str, State] = {
    "Pending": "Running",
    "Running": "Running",
    "Succeeded": "Succeeded",
    "Pruned": "Pruned",
    "Failed": "Failed",
}


def total(sweep: Sweep) -> int:
    """Return how many trials there will be."""
    if sweep.sampler != "Grid":
        return sweep.max_trials
    sizes = (len(space.choice or ()) for space in sweep.parameters.values())
    return min(sweep.max_trials, prod(sizes))


def grid(sweep: Sweep, start: int, count: int) -> tuple[dict[str, str], ...]:
    """Return the combinations from number `start` on; the last parameter by name turns fastest."""
    names = sorted(sweep.parameters)
    choices = (sweep.parameters[name].choice or () for name in names)
    wanted = islice(product(*choices), start, min(start + count, total(sweep)))
    return tuple(dict(zip(names, values, strict=True)) for values in wanted)


def request(sweep: Sweep, trials: tuple[TrialStatus, ...], count: int) -> Request:
    """Return the question for the next trials after `trials`."""
    if sweep.sampler == "Grid":
        raise ValueError("a grid is not suggested")
    names = sorted(sweep.parameters)
    return Request(
        space=tuple(_dimension(sweep.parameters[name]) for name in names),
        sampler=sweep.sampler,
        goal=sweep.objective.goal,
        seed=sweep.seed,
        history=tuple(_told(sweep, names, trial) for trial in trials),
        count=min(count, MAX_SUGGESTIONS),
    )


def suggested(sweep: Sweep, values: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters that an answer means; raise ValueError when it means none."""
    named = zip(sorted(sweep.parameters), values, strict=True)
    return {name: _text(sweep.parameters[name], value) for name, value in named}


def _text(space: SearchSpace, value: str) -> str:
    if space.choice is None:
        return value
    place = int(value)
    if not 0 <= place < len(space.choice):
        raise ValueError(f"there is no choice {place}")
    return space.choice[place]


def _dimension(space: SearchSpace) -> Dimension:
    if space.choice is not None:
        return Dimension("choice", size=len(space.choice))
    if space.integer is not None:
        return Dimension("integer", least=space.integer.min, most=space.integer.max)
    if space.log_uniform is not None:
        return Dimension("logUniform", least=space.log_uniform.min, most=space.log_uniform.max)
    bounds = space.uniform
    if bounds is None:
        raise ValueError("a parameter of the sweep has no values")
    return Dimension("uniform", least=bounds.min, most=bounds.max)


def _told(sweep: Sweep, names: list[str], trial: TrialStatus) -> Told:
    values = tuple(_place(sweep.parameters[name], trial.parameters[name]) for name in names)
    return Told(values, _STATES[trial.state], trial.value or "")


def _place(space: SearchSpace, value: str) -> str:
    return value if space.choice is None else str(space.choice.index(value))
