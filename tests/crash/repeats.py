"""Plays a kill that ended otherwise again: what an operator does wrong, it does wrong again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crash.campaign import Verdict, carry_out
from crash.evidence import Evidence
from crash.life import Kill
from crash.play import Outcome, Theatre
from crash.scenario import Scenario

_AGAIN = 5
# Of so many kills one may end otherwise once: a harness that needs more leniency sees nothing.
_KILLS_PER_ODDITY = 50


@dataclass(frozen=True)
class Divergence:
    """A kill that ended otherwise, and how often."""

    first: Verdict
    times: int
    plays: int
    is_proof: bool
    """Whether it counts; if not, it was seen once and is told as a warning."""


async def play_again(
    theatre: Theatre,
    scenarios: Sequence[Scenario],
    truth: Mapping[str, Outcome],
    verdicts: Sequence[Verdict],
    evidence: Evidence,
) -> list[Divergence]:
    """Return all divergences among the verdicts, each after some more plays of the same kill."""
    first: dict[tuple[str, Kill], Verdict] = {}
    for verdict in verdicts:
        if verdict.wrong:
            first.setdefault((verdict.scenario, verdict.kill), verdict)
    named = {one.name: one for one in scenarios}
    too_many = len(first) * _KILLS_PER_ODDITY > max(len(verdicts), _KILLS_PER_ODDITY)
    again = [] if too_many else [(named[name], kill) for name, kill in first] * _AGAIN
    more = await carry_out(theatre, again, truth, lambda _: None, evidence=evidence)
    plays: defaultdict[tuple[str, Kill], list[Verdict]] = defaultdict(list)
    for verdict in (*verdicts, *more):
        plays[verdict.scenario, verdict.kill].append(verdict)
    found = []
    for key, verdict in first.items():
        times = sum(bool(one.wrong) for one in plays[key])
        # No race around it makes an operator write without its Lease.
        is_proof = too_many or times > 1 or verdict.stale_writes > 0
        found.append(Divergence(verdict, times, len(plays[key]), is_proof))
    return found
