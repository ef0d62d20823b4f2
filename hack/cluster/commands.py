"""Running other programs, with failures that say which one and why."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_STARTED = time.monotonic()
_SHOWN_LINES = 15


class ClusterError(Exception):
    """What went wrong and what to do about it, in words for the person at the terminal."""


def say(message: str) -> None:
    """One line of progress with the seconds since the start."""
    sys.stderr.write(f"[{time.monotonic() - _STARTED:6.1f}s] {message}\n")
    sys.stderr.flush()


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Return the program's output. Raises ClusterError with its last lines when it fails."""
    done = attempt(argv, stdin=stdin, env=env, cwd=cwd)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()[-_SHOWN_LINES:]
        shown = " ".join(str(part) for part in argv[:4])
        raise ClusterError(f"`{shown} …` failed ({done.returncode}):\n  " + "\n  ".join(lines))
    return done.stdout


def attempt(
    argv: Sequence[str | Path],
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Return the finished program, whatever its status. Raises ClusterError when it is missing."""
    try:
        return subprocess.run(
            [str(part) for part in argv],
            input=stdin,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ClusterError(f"the program {argv[0]} is missing on this machine") from error
