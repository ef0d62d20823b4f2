"""Many plays: which kills, played side by side, compared with the run that nobody killed."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crash.diary import around_the_kill
from crash.evidence import Evidence
from crash.life import Kill, When
from crash.mutants import Mutant, planted
from crash.play import PATIENCE, Outcome, Theatre, play
from crash.recorder import differences
from crash.scenario import Scenario

# More than the cores: a play mostly waits for the API server.
SIDE_BY_SIDE = 8

# So often all that has not ended alike twice is played.
_TRIES = 3

# Seconds for a play with a planted bug: many of those that show it never end.
_SHORT = 60.0

# A planted bug that no longer fits what it replaces shows nothing.
_ROTTEN = re.compile(r"\b(TypeError|AttributeError|NameError)\(")


@dataclass(frozen=True)
class Verdict:
    """What came of one kill; `wrong` is empty when the end was the uncrashed run's."""

    scenario: str
    kill: Kill
    sprung: bool
    stale_writes: int
    wrong: str
    around: tuple[str, ...] = ()
    """What was done just before and after the kill, if it ended otherwise."""
    evidence: Path | None = None


async def references(
    theatre: Theatre, scenarios: Sequence[Scenario], twice: Collection[str]
) -> dict[str, Outcome]:
    """Play every scenario with nobody killed; those that `twice` names until two ended alike.

    For the others the first kill that ends alike is the second play: see `doubted`.

    Raises AssertionError if a scenario does not end, or not alike: nothing can be compared with it.
    """
    found: dict[str, Outcome] = {}
    played: dict[str, list[Outcome]] = {one.name: [] for one in scenarios}
    faults: dict[str, str] = {}

    def compare(outcome: Outcome) -> None:
        if outcome.fault:
            faults[outcome.scenario] = outcome.fault
            return
        others = played[outcome.scenario]
        once = outcome.scenario not in twice
        if once or any(not divergence(one, outcome) for one in others):
            found[outcome.scenario] = outcome
        others.append(outcome)

    for number in range(_TRIES):
        left = [one for one in scenarios if one.name not in found]
        again = [one for one in left if number == 0 and one.name in twice]
        await _side_by_side([(one, None) for one in (*left, *again)], theatre, compare)
    for one in scenarios:
        if one.name not in found:
            told = faults.get(one.name) or divergence(*played[one.name][:2])
            raise AssertionError(f"{one.name}, nobody killed, does not end alike: {told}")
    return found


def doubted(scenarios: Sequence[Scenario], verdicts: Sequence[Verdict]) -> list[Scenario]:
    """Return the scenarios of which no kill ended as the one play did that nobody killed."""
    right = {one.scenario for one in verdicts if not one.wrong}
    wrong = {one.scenario for one in verdicts if one.wrong}
    return [one for one in scenarios if one.name in wrong - right]


def choose(
    scenarios: Sequence[Scenario],
    writes: Mapping[str, int],
    manners: Collection[When],
    count: int | None,
    seed: int,
) -> list[tuple[Scenario, Kill]]:
    """Return `count` kills, spread over scenarios and manners; all there are for None.

    Repeats start over when there are fewer than `count`.
    """
    dice = random.Random(seed)
    lines: list[list[tuple[Scenario, Kill]]] = []
    for scenario in scenarios:
        for when in When:
            if when in manners:
                last = 1 if when == When.TWINS else writes[scenario.name]
                lines.append([(scenario, Kill(number, when)) for number in range(1, last + 1)])
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
    *,
    evidence: Evidence | None = None,
    patience: float = PATIENCE,
) -> list[Verdict]:
    """Play every kill and judge it; `tell` hears of each as it ends."""
    verdicts = []

    def judge(outcome: Outcome) -> None:
        verdict = _judge(outcome, truth[outcome.scenario], evidence)
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
            verdicts = await carry_out(theatre, some, truth, lambda _: None, patience=_SHORT)
            wrong = next((one for one in verdicts if one.wrong), None)
            if wrong is not None and _ROTTEN.search(wrong.wrong):
                raise AssertionError(f"{mutant.name} does not fit the code: {wrong.wrong}")
            if wrong is not None:
                return f"{wrong.scenario}, {wrong.kill.when} {wrong.kill.write}: {wrong.wrong}"
    return None


def _judge(outcome: Outcome, truth: Outcome, evidence: Evidence | None) -> Verdict:
    assert outcome.kill is not None
    wrong = outcome.fault or divergence(outcome, truth)
    return Verdict(
        outcome.scenario,
        outcome.kill,
        outcome.sprung,
        outcome.stale_writes,
        wrong,
        around_the_kill(outcome.entries) if wrong else (),
        evidence.keep(outcome, truth, wrong) if wrong and evidence else None,
    )


def divergence(outcome: Outcome, truth: Outcome) -> str:
    """Return how the one ended otherwise than the other; empty if it did not."""
    if outcome.stale_writes:
        return f"{outcome.stale_writes} writes after the Lease was lost"
    if outcome.jobs != truth.jobs:
        return f"Jobs made: {outcome.jobs} instead of {truth.jobs}"
    if outcome.registrations != truth.registrations:
        return f"registrations: {outcome.registrations} instead of {truth.registrations}"
    return "; ".join(differences(truth.snapshot, outcome.snapshot)[:4])


async def _side_by_side(
    plays: Sequence[tuple[Scenario, Kill | None]],
    theatre: Theatre,
    tell: Callable[[Outcome], None],
    patience: float = PATIENCE,
) -> None:
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(scenario: Scenario, kill: Kill | None) -> None:
        async with room:
            tell(await play(theatre, scenario, kill, patience))

    await asyncio.gather(*(one(*each) for each in plays))
