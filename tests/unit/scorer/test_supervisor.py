"""A supervisor and workers that have not come as far as serving."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

STARTING = """
import os, sys, time
from comal_scorer.supervisor import supervise

def work(index):
    os.write(1, b"begun\\n")
    while True:
        time.sleep(0.01)  # one long sleep may begin just after its signal came

sys.exit(supervise(4, work))
"""

DYING = """
import os, sys
from comal_scorer.supervisor import supervise

def work(index):
    os.write(1, b"begun\\n")
    os.abort()

sys.exit(supervise(1, work))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("program", "begun"), [(STARTING, 1), (STARTING, 4), (DYING, 2)])
def test_told_to_end_while_they_start_all_end(
    program: str, begun: int, number: signal.Signals
) -> None:
    """However many there are by then, and whether or not the supervisor knows the last of them."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert [process.stdout.readline() for _ in range(begun)] == [b"begun\n"] * begun
            process.send_signal(number)
            code = process.wait(timeout=60)
            # Its end of the pipe is closed by the last of them.
            assert set(process.stdout.read().splitlines()) <= {b"begun"}
        finally:
            process.kill()
    assert code == 0 or program == DYING
