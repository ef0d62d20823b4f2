from __future__ import annotations

from datetime import UTC, datetime, timedelta

from comal_operator.core.plan import Heard
from comal_operator.shell.progress import Pace
from comal_operator.shell.reports import Reports
from comal_trainer.contract.progress import Report

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_a_report_is_as_old_as_it_says() -> None:
    reports = Reports(Clock())
    assert reports.keep("a", Report(percent=10, age_seconds=4))
    at = NOON - timedelta(seconds=4)
    assert reports.of("a") == Heard(Report(percent=10), at, (10, at))


def test_the_pace_is_reckoned_from_the_first_percent() -> None:
    clock = Clock()
    reports = Reports(clock)
    reports.keep("a", Report(message="loading"))
    clock.wait(60)
    reports.keep("a", Report(percent=20))
    clock.wait(60)
    reports.keep("a", Report(percent=30))
    heard = reports.of("a")
    assert heard is not None
    assert heard.since == (20, NOON + timedelta(seconds=60))


def test_what_is_only_told_again_is_no_news() -> None:
    clock = Clock()
    reports = Reports(clock)
    assert reports.keep("a", Report(percent=10))
    for _ in range(3):
        clock.wait(5)
        age = (clock.now - NOON).total_seconds() - 0.9
        assert not reports.keep("a", Report(percent=10, age_seconds=age))
    heard = reports.of("a")
    assert heard is not None
    assert heard.at == NOON
    # The same words from a later moment are a sign of life.
    assert reports.keep("a", Report(percent=10))


def test_a_pod_that_is_gone_is_forgotten_and_so_are_too_many() -> None:
    reports = Reports(Clock(), most=2)
    for pod in ("a", "b", "a", "c"):
        reports.keep(pod, Report(percent=len(pod), message=pod))
    assert [pod for pod in "abc" if reports.of(pod)] == ["a", "c"]
    reports.drop("a")
    reports.drop("a")
    assert reports.of("a") is None


def test_a_pod_may_report_a_few_times_at_once_then_twice_a_second() -> None:
    now = 0.0
    pace = Pace(per_second=2.0, burst=3, clock=lambda: now)
    assert [pace.allows("a") for _ in range(5)] == [True, True, True, False, False]
    assert pace.allows("b")
    now = 0.5
    assert [pace.allows("a") for _ in range(2)] == [True, False]
