"""How many cores this container may use: its cgroup's CPU limit (v1 or v2) and its affinity."""

from __future__ import annotations

import os
from pathlib import Path


def usable_cores(cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the whole cores that may run at once, at least one.

    A limit of 1.5 gives 1: a second busy thread would only be throttled, and throttling shows up
    as latency.
    """
    affine = len(os.sched_getaffinity(0))
    limit = _version_2(cgroups) or _version_1(cgroups)
    return max(1, min(affine, int(limit))) if limit else affine


def _version_2(cgroups: Path) -> float | None:
    words = _words(cgroups / "cpu.max")
    if len(words) != 2 or words[0] == "max":
        return None
    return int(words[0]) / int(words[1])


def _version_1(cgroups: Path) -> float | None:
    for folder in ("cpu", "cpu,cpuacct"):
        quota = _words(cgroups / folder / "cpu.cfs_quota_us")
        period = _words(cgroups / folder / "cpu.cfs_period_us")
        if quota and period and int(quota[0]) > 0:
            return int(quota[0]) / int(period[0])
    return None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []
