"""One command, once: how long it took and the most memory that it held."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TICK = 0.02


@dataclass(frozen=True)
class Cost:
    """What a process took from its start to its end."""

    seconds: float
    cpu: float
    mebibytes: float


def cost_of(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run the command; raise `RuntimeError` with its words if it fails."""
    start, worked = time.monotonic(), _worked()
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak = 0
    # The kernel's account of an ended child counts what its parent held when it was made.
    while process.poll() is None:
        peak = max(peak, _peak(process.pid))
        time.sleep(_TICK)
    seconds = time.monotonic() - start
    said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]}: {said[-2000:]}")
    return Cost(seconds, _worked() - worked, peak / 1024)


def middle(costs: Sequence[Cost]) -> Cost:
    """Return the medians."""
    return Cost(
        median(one.seconds for one in costs),
        median(one.cpu for one in costs),
        median(one.mebibytes for one in costs),
    )


def _worked() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _peak(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(line[1]) for line in lines), 0)
