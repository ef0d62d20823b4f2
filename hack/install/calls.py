"""kubectl against one cluster."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.commands import attempt, run


@dataclass(frozen=True)
class Calls:
    """Runs kubectl with one kubeconfig."""

    program: Path
    kubeconfig: Path

    def run(self, *arguments: str | Path) -> str:
        """Return what kubectl printed. Raises ClusterError with what it complained of."""
        return run(self._argv(*arguments))

    def attempt(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Return the finished call, whatever came of it."""
        return attempt(self._argv(*arguments))

    def find(self, *arguments: str) -> dict[str, Any]:
        """Return the object or list that `kubectl get …` finds; empty where there is none."""
        text = self.run("get", *arguments, "--ignore-not-found", "-o", "json")
        found: dict[str, Any] = json.loads(text) if text.strip() else {}
        return found

    def _argv(self, *arguments: str | Path) -> list[str | Path]:
        return [self.program, "--kubeconfig", self.kubeconfig, *arguments]
