"""A watch that is behind is waited for; one that tells nothing any more is blind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from comal_operator.shell import audit as module
from comal_operator.shell.audit import Audit, AuditTimes, BlindWatchError
from comal_operator.shell.cache import Cache, ObjectKey
from make import a_run

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


def judge(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    # The audit's own clock and pauses alone, not the event loop's.
    monkeypatch.setattr(module, "time", watch)
    monkeypatch.setattr(module, "asyncio", watch)
    nothing: Any = None
    one = Audit(
        gateway=nothing,
        cache=watch.cache,
        world=nothing,
        kinds={},
        namespaces=(),
        wake=lambda _: None,
        times=AuditTimes(patience=10.0),
    )
    listed = {ObjectKey.of(body): body for body in LISTED}
    asyncio.run(one._judge(listed))


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
