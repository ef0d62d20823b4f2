"""What GitOps tools make of an object of ours, by their own libraries: a program in Go, built once.

hack/cluster/build/gitops has its source, with kubernetes-sigs/cli-utils, Flux's copy of it, Flux's
evaluator of health expressions, and the Lua interpreter of Argo CD.
"""

from __future__ import annotations

import atexit
import json
import subprocess
from collections.abc import Mapping
from functools import cache
from typing import Any

from cluster.gobuild import GITOPS, built
from cluster.paths import places

Object = Mapping[str, Any]


class Eyes:
    """The program, running: a question a line, an answer a line."""

    def __init__(self) -> None:
        program = built(places(), GITOPS) / "gitops"
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def kstatus(self, thing: Object) -> str:
        """Return kstatus' word: Current, InProgress, Failed, Terminating."""
        return str(self._ask("kstatus", thing)["status"])

    def flux(self, thing: Object, kustomization: Object) -> str:
        """Return what Flux makes of it by the expressions of that Kustomization."""
        return str(self._ask("flux", thing, kustomization=kustomization)["status"])

    def argo_health(self, thing: Object, script: str) -> tuple[str, str]:
        """Return status and message that Argo CD shows."""
        said = self._ask("health", thing, script=script)
        return said["status"], said.get("message", "")

    def argo_actions(self, thing: Object, script: str) -> dict[str, bool]:
        """Return the actions that Argo CD offers: whether each may be chosen."""
        said = self._ask("discovery", thing, script=script)
        return {name: not one["disabled"] for name, one in said.items()}

    def argo_patch(self, thing: Object, script: str) -> Any:
        """Return the merge patch that Argo CD sends for an action."""
        return self._ask("action", thing, script=script)["patch"]

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _ask(self, ask: str, thing: Object, **more: Any) -> Any:
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        to.write(json.dumps({"ask": ask, "object": thing, **more}) + "\n")
        to.flush()
        answer = json.loads(back.readline())
        assert "error" not in answer, answer["error"]
        return answer


@cache
def eyes() -> Eyes:
    """Return the one of this test process."""
    started = Eyes()
    atexit.register(started.close)
    return started
