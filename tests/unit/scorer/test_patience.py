"""Waits end in time, with one timer for all of them."""

from __future__ import annotations

import asyncio

import pytest

from comal_scorer.limits.patience import Patience


async def _never() -> None:
    await asyncio.Event().wait()


async def _soon(value: int) -> int:
    await asyncio.sleep(0)
    return value


def test_what_comes_at_once_is_returned() -> None:
    async def run() -> list[int]:
        patience = Patience(10)
        return list(await asyncio.gather(*(patience.wait(_soon(value)) for value in range(100))))

    assert asyncio.run(run()) == list(range(100))


def test_what_never_comes_is_given_up() -> None:
    async def run() -> list[object]:
        patience = Patience(0.02)
        waits = [patience.wait(_never()) for _ in range(3)]
        return list(await asyncio.gather(*waits, return_exceptions=True))

    assert [type(one) for one in asyncio.run(run())] == [TimeoutError] * 3


def test_it_watches_again_after_a_time_without_anybody() -> None:
    async def run() -> None:
        patience = Patience(0.02)
        await patience.wait(_soon(1))
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            await patience.wait(_never())

    asyncio.run(run())


def test_a_cancelled_wait_is_cancelled_and_not_late() -> None:
    async def run() -> None:
        patience = Patience(10)
        task = asyncio.create_task(patience.wait(_never()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_errors_pass_through() -> None:
    async def fails() -> None:
        raise KeyError("x")

    async def run() -> None:
        with pytest.raises(KeyError):
            await Patience(10).wait(fails())

    asyncio.run(run())
