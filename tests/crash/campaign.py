"""Many plays: which kills, played side by side, compared with the run that nobody killed."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from crash.life import Kill, When
from crash.mutants import Mutant, planted
from crash.play import PATIENCE, Outcome, Theatre, play
from crash.recorder import difference
from crash.scenario import Scenario

# More than the cores: a play mostly waits for the API server.
SIDE_BY_SIDE = 8

# Seconds for a play with a planted bug: many of those that show it never end.
_SHORT = 60.0

# A planted bug that no longer fits what it replaces shows nothing.
_ROTTEN = re.compile(r"\b(TypeError|AttributeError|NameError)\(")

_AT_A_WRITE = tuple(when for when in When if when is not When.TWINS)


@dataclass(frozen=True)
class Verdict:
    """What came of one kill; `wrong` is empty when the end was the uncrashed run's."""

    scenario: str
    kill: Kill
    sprung: bool
    stale_writes: int
    wrong: str


async def references(theatre: Theatre, scenarios: Sequence[Scenario]) -> dict[str, Outcome]:
    """Play every scenario with nobody killed; raise AssertionError if one does not end."""
    played = await _side_by_side(
        [(scenario, None) for scenario in scenarios], theatre, lambda _: None
    )
    for outcome in played:
        if outcome.fault:
            raise AssertionError(f"{outcome.scenario}, nobody killed: {outcome.fault}")
    return {outcome.scenario: outcome for outcome in played}


def choose(
    scenarios: Sequence[Scenario], writes: Mapping[str, int], count: int | None, seed: int
) -> list[tuple[Scenario, Kill]]:
    """Return `count` kills, spread over scenarios and manners; all there are for None.

    Repeats start over when there are fewer than `count`.
    """
    dice = random.Random(seed)
    lines: list[list[tuple[Scenario, Kill]]] = []
    for scenario in scenarios:
        every = range(1, writes[scenario.name] + 1)
        lines += [[(scenario, Kill(n, when)) for n in every] for when in _AT_A_WRITE]
        lines.append([(scenario, Kill(0, When.TWINS))])
    for line in lines:
        dice.shuffle(line)
    dice.shuffle(lines)
    # One of each line in turn, so that a small count still meets every scenario.
    turns = itertools.chain.from_iterable(itertools.zip_longest(*lines))
    kills = [one for one in turns if one is not None]
    return kills if count is None else list(itertools.islice(itertools.cycle(kills), count))


async def carry_out(
    theatre: Theatre,
    kills: Iterable[tuple[Scenario, Kill]],
    truth: Mapping[str, Outcome],
    tell: Callable[[Verdict], None],
    patience: float = PATIENCE,
) -> list[Verdict]:
    """Play every kill and judge it; `tell` hears of each as it ends."""
    verdicts = []

    def judge(outcome: Outcome) -> None:
        verdict = _judge(outcome, truth[outcome.scenario])
        verdicts.append(verdict)
        tell(verdict)

    await _side_by_side(list(kills), theatre, judge, patience)
    return verdicts


async def show(
    theatre: Theatre,
    mutant: Mutant,
    scenarios: Sequence[Scenario],
    truth: Mapping[str, Outcome],
) -> str | None:
    """Return how the planted bug showed; None if it did not."""
    known = [one for one in scenarios if one.name in mutant.scenarios]
    kills = [(one, kill) for kill in mutant.kills for one in known]
    with planted(mutant):
        for start in range(0, len(kills), SIDE_BY_SIDE):
            some = kills[start : start + SIDE_BY_SIDE]
            verdicts = await carry_out(theatre, some, truth, lambda _: None, _SHORT)
            wrong = next((one for one in verdicts if one.wrong), None)
            if wrong is not None and _ROTTEN.search(wrong.wrong):
                raise AssertionError(f"{mutant.name} does not fit the code: {wrong.wrong}")
            if wrong is not None:
                return f"{wrong.scenario}, {wrong.kill.when} {wrong.kill.write}: {wrong.wrong}"
    return None


def _judge(outcome: Outcome, truth: Outcome) -> Verdict:
    assert outcome.kill is not None
    return Verdict(
        outcome.scenario,
        outcome.kill,
        outcome.sprung,
        outcome.stale_writes,
        outcome.fault or _divergence(outcome, truth),
    )


def _divergence(outcome: Outcome, truth: Outcome) -> str:
    if outcome.stale_writes:
        return f"{outcome.stale_writes} writes after the Lease was lost"
    if outcome.jobs != truth.jobs:
        return f"Jobs made: {outcome.jobs} instead of {truth.jobs}"
    if outcome.registrations != truth.registrations:
        return f"registrations: {outcome.registrations} instead of {truth.registrations}"
    return difference(truth.snapshot, outcome.snapshot)


async def _side_by_side(
    plays: Sequence[tuple[Scenario, Kill | None]],
    theatre: Theatre,
    tell: Callable[[Outcome], None],
    patience: float = PATIENCE,
) -> list[Outcome]:
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(scenario: Scenario, kill: Kill | None) -> Outcome:
        async with room:
            outcome = await play(theatre, scenario, kill, patience)
        tell(outcome)
        return outcome

    return list(await asyncio.gather(*(one(*each) for each in plays)))
