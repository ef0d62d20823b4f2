"""The trainer as Jobs start it: arguments and environment in, an exit code and files out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def environment_of(workspace: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/tmp"),  # noqa: S108 - as in the image
        "COMAL_WORKSPACE": str(workspace),
        "COMAL_TERMINATION_LOG": str(workspace.parent / "termination"),
        **more,
    }


def trainer(
    workspace: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    workspace.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "comal_trainer", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=workspace,
        env=environment_of(workspace, **environment),
    )


def start_trainer(
    workspace: Path, *arguments: str, log: Path, **environment: str
) -> subprocess.Popen[bytes]:
    """Start one command; its output goes to `log`."""
    workspace.mkdir(exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "comal_trainer", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=workspace,
            env=environment_of(workspace, **environment),
        )


def succeed(workspace: Path, *arguments: str, **environment: str) -> str:
    """Run one command that must succeed; return what it printed."""
    ended = trainer(workspace, *arguments, **environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
