"""What each time of change cost the callers, from every single request; nothing is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles

from demo.traffic import Call

IsRight = Callable[[str, int, str], bool]
"""Whether a version answers that body with that text."""


@dataclass(frozen=True)
class Window:
    """From `begin` until the next window: what was going on, and which versions may answer."""

    begin: float
    name: str
    live: frozenset[str]


@dataclass(frozen=True)
class Row:
    """All windows of one name together."""

    name: str
    windows: int
    seconds: float
    requests: int
    lost: int
    wrong: int
    p50: float
    p99: float
    examples: tuple[str, ...] = ()
    """What some lost or wrong ones were answered."""


def rows(
    calls: Iterable[Call], windows: Sequence[Window], end: float, is_right: IsRight
) -> list[Row]:
    """Return a row for each name in order of appearance, and one for everything.

    A request counts in the window in which it was due. Its answer may come from what lives then
    or when it ends: a window later, at the change.
    """
    by_window: list[list[Call]] = [[] for _ in windows]
    problems: list[list[tuple[bool, str]]] = [[] for _ in windows]
    for call in calls:
        first = _index(windows, call.due)
        by_window[first].append(call)
        last = _index(windows, call.due + call.milliseconds / 1000)
        live = frozenset[str]().union(*(one.live for one in windows[first : last + 1]))
        problem = _problem(call, live, is_right)
        if problem:
            problems[first].append((call.code != 200, problem))
    begins = [one.begin for one in windows]
    lengths = [later - earlier for earlier, later in pairwise([*begins, end])]

    def row(name: str, which: Sequence[int]) -> Row:
        found = [problem for index in which for problem in problems[index]]
        times = sorted(one.milliseconds for index in which for one in by_window[index])
        cuts = quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
        return Row(
            name=name,
            windows=len(which),
            seconds=sum(lengths[index] for index in which),
            requests=len(times),
            lost=sum(lost for lost, _ in found),
            wrong=sum(not lost for lost, _ in found),
            p50=cuts[49] if cuts else 0.0,
            p99=cuts[98] if cuts else 0.0,
            examples=tuple(text for _, text in found[:5]),
        )

    names = dict.fromkeys(one.name for one in windows)
    listed = [
        row(name, [index for index, one in enumerate(windows) if one.name == name])
        for name in names
    ]
    return [*listed, row("all", range(len(windows)))]


def _index(windows: Sequence[Window], moment: float) -> int:
    """Return which window `moment` is in; what comes before the first counts to it."""
    return max(0, sum(one.begin <= moment for one in windows) - 1)


def _problem(call: Call, live: frozenset[str], is_right: IsRight) -> str:
    """Return what is wrong with the answer, or nothing."""
    if call.code != 200:
        return f"{call.code} {call.text}"
    if call.version not in live:
        return f"version {call.version or '(none)'} answered while {sorted(live)} were live"
    if not is_right(call.version, call.body, call.text):
        return f"version {call.version} answered body {call.body} with {call.text}"
    return ""
