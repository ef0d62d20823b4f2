"""`make bench-training` measures; what it must not do is stop working."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.apiserver

_REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_small_bench_tells_every_number() -> None:
    paths = [str(_REPOSITORY / name) for name in ("hack", "tests")]
    inherited = os.environ.get("PYTHONPATH", "")
    done = subprocess.run(
        [sys.executable, "-m", "bench.training", "--small"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*paths, inherited])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = ("writes of status", "apply → first Job", "etcd, an ended run", "memory", "restart with")
    missing = [row for row in rows if row not in done.stdout]
    assert not missing, done.stdout
