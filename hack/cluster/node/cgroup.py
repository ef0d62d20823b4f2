"""The node's own control group, in every hierarchy that the machine mounts."""

import time
from pathlib import Path

NAME = "comal"
_EMPTYING_SECONDS = 10.0


def hierarchies(mounts: str) -> tuple[Path, ...]:
    """Return the mount points of control groups (version 1 and 2) in the text of /proc/mounts."""
    rows = [line.split() for line in mounts.splitlines()]
    return tuple(Path(row[1]) for row in rows if len(row) > 2 and row[2] in {"cgroup", "cgroup2"})


def create() -> None:
    """Make the group. kubelet wants its root in every hierarchy before it starts."""
    for hierarchy in _mounted():
        group = hierarchy / NAME
        group.mkdir(exist_ok=True)
        # A new cpuset of version 1 is empty, and nothing can run in it until it names CPUs.
        for setting in ("cpuset.mems", "cpuset.cpus"):
            if (group / setting).exists() and (hierarchy / "tasks").exists():
                (group / setting).write_text((hierarchy / setting).read_text())
        if (hierarchy / "cgroup.subtree_control").exists():
            _delegate(hierarchy)
            _delegate(group)


def destroy() -> list[Path]:
    """Remove the group with everything below; returns what could not be removed in time."""
    deadline = time.monotonic() + _EMPTYING_SECONDS
    while True:
        left = [group for hierarchy in _mounted() for group in _remove(hierarchy / NAME)]
        if not left or time.monotonic() > deadline:
            return left
        # Killed processes leave their group a moment after they are gone.
        time.sleep(0.05)


def _mounted() -> tuple[Path, ...]:
    return hierarchies(Path("/proc/mounts").read_text())


def _delegate(group: Path) -> None:
    available = (group / "cgroup.controllers").read_text().split()
    for controller in available:
        try:
            (group / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError:
            # Not delegated to us: kubelet says clearly which controller it misses, if any.
            continue


def _remove(group: Path) -> list[Path]:
    if not group.is_dir():
        return []
    left = [path for child in group.iterdir() if child.is_dir() for path in _remove(child)]
    try:
        group.rmdir()
    except OSError:
        return [*left, group]
    return left
