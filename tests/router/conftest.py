"""Real scorers and real Envoys for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from comal_operator.core.serving.endpoints import Routing
from router.running import Router, start
from router.scorers import Scorer, event_loop


@pytest.fixture
def scorers() -> Iterator[Callable[[str], Scorer]]:
    """Start servers that answer with a word of their own."""
    with event_loop() as loop, ExitStack() as started:

        def scorer(word: str) -> Scorer:
            one = Scorer(word, loop)
            one.start()
            started.callback(one.stop)
            return one

        yield scorer


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Router]]:
    """Start Envoys."""
    routers: list[Router] = []

    def run(routing: Routing, *, threads: int = 1) -> Router:
        routers.append(start(tmp_path, routing, threads=threads))
        return routers[-1]

    yield run
    for router in routers:
        router.process.kill()
        router.process.wait(timeout=30)
