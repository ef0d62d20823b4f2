"""`python lone_scorer.py WORD`: one scorer in a process of its own, which a test may stop."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# As a program this file is found, but not the folder that holds its package.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from router.scorers import Scorer


@dataclass(frozen=True)
class LoneScorer:
    """A server whose process the machine may give no time to; the kernel still takes calls."""

    process: subprocess.Popen[str]
    port: int

    def starve(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def feed(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def lone_scorer(word: str) -> Iterator[LoneScorer]:
    """Run a scorer that listens on every address of loopback."""
    process = subprocess.Popen(
        [sys.executable, __file__, word], stdout=subprocess.PIPE, text=True, cwd="/"
    )
    try:
        assert process.stdout is not None
        yield LoneScorer(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()


async def _serve(word: str) -> None:
    scorer = Scorer(word, asyncio.get_running_loop(), host="0.0.0.0")
    await scorer.listen()
    print(scorer.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
