"""Memory that one request freed serves the next, without a page fault for each page of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Four tensors of a small picture at once, two hundred times: 58,000 pages, if each comes again.
LOAD = """
import resource
from comal_scorer.memory import keep_memory

{first}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

before = faults()
for _ in range(200):
    [bytearray(300_000) for _ in range(4)]
print(faults() - before)
"""


@pytest.mark.parametrize(("first", "few"), [("keep_memory()", True), ("", False)])
def test_pages_are_used_again(first: str, few: bool) -> None:
    program = LOAD.format(first=first)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert (int(done.stdout) < 10_000) is few
