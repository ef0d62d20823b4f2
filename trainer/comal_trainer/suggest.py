"""`suggest`: the next trials of a sweep, by Optuna's samplers.

Nothing is kept between two calls: the study is rebuilt from the results so far, so a sweep goes on
after any kill as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from comal_trainer.contract import MAX_ERROR_CHARACTERS, JobError
from comal_trainer.contract.decimals import decimal_text
from comal_trainer.contract.sweep import Dimension, Request, Suggested, Told

SPACE_INVALID = "SpecInvalid"
_STATES = {
    "Running": TrialState.RUNNING,
    "Succeeded": TrialState.COMPLETE,
    "Pruned": TrialState.PRUNED,
    "Failed": TrialState.FAIL,
}
# Two batches of one sweep must not draw the same numbers.
_SEEDS_APART = 7919


def suggest(request: Request) -> Suggested:
    """Return the values of the next trials, or what is wrong with the space."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        space = {str(index): _distribution(one) for index, one in enumerate(request.space)}
        study = optuna.create_study(
            sampler=_sampler(request),
            direction="minimize" if request.goal == "Minimize" else "maximize",
        )
        study.add_trials([_trial(told, space) for told in request.history])
    except ValueError as error:
        text = ascii(f"spec.sweep: {error}")[1:-1]
        return Suggested(error=JobError(SPACE_INVALID, text[:MAX_ERROR_CHARACTERS]))
    asked = [study.ask(space) for _ in range(request.count)]
    return Suggested(tuple(_texts(trial.params, request.space) for trial in asked))


def _sampler(request: Request) -> BaseSampler:
    seed = (request.seed + _SEEDS_APART * len(request.history)) % 2**32
    if request.sampler == "Random":
        return RandomSampler(seed=seed)
    # Trials that run count as bad ones, so that those beside them look elsewhere.
    return TPESampler(seed=seed, constant_liar=True)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.kind == "choice":
        return CategoricalDistribution(tuple(range(dimension.size)))
    if dimension.kind == "integer":
        return IntDistribution(int(float(dimension.least)), int(float(dimension.most)))
    log = dimension.kind == "logUniform"
    return FloatDistribution(float(dimension.least), float(dimension.most), log=log)


def _trial(told: Told, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    state = _STATES[told.state]
    if state in (TrialState.COMPLETE, TrialState.PRUNED) and not told.value:
        state = TrialState.FAIL
    return create_trial(
        state=state,
        value=float(told.value) if state == TrialState.COMPLETE else None,
        # Optuna takes a pruned trial's last value from what it reported.
        intermediate_values={0: float(told.value)} if state == TrialState.PRUNED else None,
        params={
            name: _value(text, space[name]) for name, text in zip(space, told.values, strict=True)
        },
        distributions=dict(space),
    )


def _value(text: str, distribution: BaseDistribution) -> float | int:
    if isinstance(distribution, FloatDistribution):
        # What was rounded to be written may lie a hair outside.
        return min(max(float(text), distribution.low), distribution.high)
    return int(text)


def _texts(params: Mapping[str, Any], space: Sequence[Dimension]) -> tuple[str, ...]:
    return tuple(decimal_text(params[str(index)]) for index in range(len(space)))
