"""The figures of `make bench-rollout` say what happened to the requests."""

from __future__ import annotations

import pytest

from bench.rollout.figures import lost, refused, split, times
from demo.traffic import Call


def calls(versions: str) -> list[Call]:
    return [Call(100 + n, float(n), 0, 200, one, "") for n, one in enumerate(versions)]


def test_an_even_split_is_exact_in_every_thousand() -> None:
    found = split(calls("1111111112" * 300), "2", 10)
    assert (found.requests, found.got, found.worst) == (3000, 10, 0)


def test_a_lump_is_seen_though_the_whole_is_exact() -> None:
    found = split(calls("2" * 300 + "1" * 2700), "2", 10)
    assert (found.got, found.worst) == (10, 20)


def test_fewer_than_a_thousand_are_judged_as_they_are() -> None:
    assert split(calls("12" * 10), "2", 40).worst == pytest.approx(10)


def test_times_are_quantiles() -> None:
    found = times(calls("1" * 101))
    assert (found.p50, found.p99) == (50, 99)


def test_an_error_of_the_model_is_not_a_lost_request() -> None:
    failed = Call(10, 500, 0, 500, "2", "")
    gone = [Call(10, 500, 0, code, "", "") for code in (0, 503, 504)]
    assert refused([*calls("11"), failed, *gone]) == [failed]
    assert lost([*calls("11"), failed, *gone]) == gone
