"""A lost or wrong answer is seen in the window where it was due, and nowhere else."""

from __future__ import annotations

import pytest

from demo.traffic import Call
from traffic.models import is_right
from traffic.windows import Row, Window, rows

WINDOWS = (
    Window(100, "at rest", frozenset("1")),
    Window(110, "promote", frozenset("12")),
    Window(120, "at rest", frozenset("2")),
)


def a_call(due: float, version: str = "1", text: str = "", **more: float) -> Call:
    told = text or f'{{"result":[{1 + 10 * int(version)}.0]}}'
    code = int(more.get("code", 200))
    return Call(due, more.get("milliseconds", 5.0), 0, code, version, told)


def table(*calls: Call) -> dict[str, Row]:
    return {one.name: one for one in rows(calls, WINDOWS, 130, is_right)}


def test_answers_of_live_versions_are_right() -> None:
    found = table(a_call(101), a_call(111), a_call(112, "2"), a_call(121, "2"))
    assert [(one.requests, one.lost, one.wrong) for one in found.values()] == [
        (2, 0, 0),
        (2, 0, 0),
        (4, 0, 0),
    ]
    assert (found["at rest"].windows, found["at rest"].seconds) == (2, 20)


@pytest.mark.parametrize(
    ("call", "window", "lost"),
    [
        (a_call(115, code=503), "promote", True),
        (a_call(101, code=0, text="TimeoutError: "), "at rest", True),
        (a_call(101, "2"), "at rest", False),
        (a_call(121, "1"), "at rest", False),
        (a_call(115, "3"), "promote", False),
        (a_call(115, "1", '{"result":[21.0]}'), "promote", False),
        (a_call(115, "1", "[]"), "promote", False),
        (a_call(115, "", "{}", code=200), "promote", False),
    ],
)
def test_what_is_lost_or_wrong_is_counted_once(call: Call, window: str, lost: bool) -> None:
    found = table(call)
    assert (found[window].lost, found[window].wrong) == (int(lost), int(not lost))
    assert (found["all"].lost, found["all"].wrong) == (int(lost), int(not lost))
    assert found[window].examples


def test_an_answer_may_come_from_what_lives_when_it_ends() -> None:
    assert table(a_call(109.99, "2", milliseconds=20))["all"].wrong == 0
    assert table(a_call(109.99, "2", milliseconds=5))["all"].wrong == 1


def test_time_is_told_by_quantiles() -> None:
    calls = [a_call(111 + n / 1000, milliseconds=n) for n in range(1, 1001)]
    found = table(*calls)["promote"]
    assert round(found.p50) in {500, 501}
    assert round(found.p99) == 990
