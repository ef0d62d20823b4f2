"""A watch that is behind is waited for; one that tells nothing any more is blind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from comal_operator.shell import audit as module
from comal_operator.shell.audit import Audit, AuditTimes, BlindWatchError, _Snapshot
from comal_operator.shell.cache import Cache, ObjectKey, version_of
from comal_operator.shell.kinds import KINDS, child_kinds
from make import a_run

# The resourceVersion of every list.
NOW = 100
LISTED = [a_run(name=f"run-{number}") for number in range(10)]


class Watch:
    """Delivers the next of what is listed in each pause of the audit, of 3 seconds."""

    def __init__(self, deliveries: int) -> None:
        self.cache = Cache()
        self.now = 0.0
        self._left = LISTED[:deliveries]

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, _: float) -> None:
        self.now += 3.0
        if self._left:
            self.cache.hear(self._left.pop(0))


def heard_of(name: str, version: int) -> dict[str, Any]:
    body = a_run(name=name)
    return {**body, "metadata": {**body["metadata"], "resourceVersion": str(version)}}


def judge(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    # The audit's own clock and pauses alone, not the event loop's.
    monkeypatch.setattr(module, "time", watch)
    monkeypatch.setattr(module, "asyncio", watch)
    nothing: Any = None
    one = Audit(
        gateway=nothing,
        cache=watch.cache,
        world=nothing,
        kinds=KINDS,
        namespaces=(),
        wake=lambda _: None,
        times=AuditTimes(patience=10.0),
    )
    listed = {ObjectKey.of(body): version_of(body) for body in LISTED}
    versions: dict[tuple[str, str | None], int] = {
        (kind, None): NOW for kind in (*KINDS, *child_kinds(KINDS))
    }
    asyncio.run(one._judge(_Snapshot(listed, versions)))


def test_a_watch_that_is_behind_is_not_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(len(LISTED))
    judge(watch, monkeypatch)
    assert watch.now > 10.0


@pytest.mark.parametrize("deliveries", [0, 4])
def test_a_watch_that_tells_nothing_any_more_is_blind(
    deliveries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BlindWatchError, match=f"^{len(LISTED) - deliveries} objects"):
        judge(Watch(deliveries), monkeypatch)


def test_what_was_made_since_the_list_is_not_missed_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # While 500 runs were begun at once, there was such a Job in every audit.
    watch = Watch(len(LISTED))
    watch.cache.hear(heard_of("young", NOW + 1))
    judge(watch, monkeypatch)


def test_an_end_that_the_watch_does_not_tell_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(len(LISTED))
    watch.cache.hear(heard_of("gone", NOW - 1))
    with pytest.raises(BlindWatchError, match=r"^1 objects, such as TrainingRun .*/gone"):
        judge(watch, monkeypatch)
