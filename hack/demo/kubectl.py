"""kubectl as a value: one cluster, one namespace, JSON in and out."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

Manifest = dict[str, Any]
Found = TypeVar("Found")


class KubectlError(Exception):
    """kubectl said no; the message is what it said."""


def wait_for(
    what: str, look: Callable[[], Found | None], *, seconds: float = 180, every: float = 0.5
) -> Found:
    """Return what `look` finds as soon as it is neither None nor False.

    Raises KubectlError naming `what` in the end.
    """
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        if time.monotonic() > end:
            raise KubectlError(f"{what}: not within {seconds:.0f} s")
        time.sleep(every)


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl against one kubeconfig; `namespace` goes into every call when it is set."""

    program: Path
    kubeconfig: Path
    namespace: str = ""

    def within(self, namespace: str) -> Kubectl:
        """Return the same cluster, looking at another namespace."""
        return replace(self, namespace=namespace)

    def argv(self, *arguments: str) -> list[str]:
        """Return the whole command line of a call."""
        scope = ["--namespace", self.namespace] if self.namespace else []
        return [str(self.program), "--kubeconfig", str(self.kubeconfig), *scope, *arguments]

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Return what kubectl printed. Raises KubectlError with what it complained of."""
        done = subprocess.run(
            self.argv(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise KubectlError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def json(self, *arguments: str) -> Manifest:
        """Return the object or list that `kubectl … -o json` prints."""
        value: Manifest = json.loads(self.run(*arguments, "-o", "json"))
        return value

    def items(self, *arguments: str) -> list[Manifest]:
        """Return the objects of `kubectl get …`."""
        found: list[Manifest] = self.json("get", *arguments)["items"]
        return found

    def find(self, kind: str, name: str) -> Manifest | None:
        """Return the object, or None where there is none."""
        text = self.run("get", kind, name, "--ignore-not-found", "-o", "json")
        found: Manifest | None = json.loads(text) if text.strip() else None
        return found

    def until(
        self,
        what: str,
        look: Callable[[Manifest], Found | None],
        *,
        kind: str,
        name: str,
        seconds: float = 180,
    ) -> Found:
        """Return what `look` makes of the object as soon as it is neither None nor False.

        It is told of each change by one watch: a call twice a second would cost as much as what is
        watched. Raises KubectlError naming `what` in the end.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with closing(self._changes(kind, name, left)) as changes:
                for found in map(look, changes):
                    if found is not None and found is not False:
                        return found
            # A watch ends with its API server: the next one begins with what there is.
            time.sleep(min(0.5, max(0.0, end - time.monotonic())))
        raise KubectlError(f"{what}: not within {seconds:.0f} s")

    def _changes(self, kind: str, name: str, seconds: float) -> Generator[Manifest]:
        """Yield the object as it is and after each change, for at most so long."""
        asked = ("get", kind, f"--field-selector=metadata.name={name}", "--watch", "-o", "json")
        with self.following(*asked, "--output-watch-events") as process:
            timer = threading.Timer(seconds, process.terminate)
            timer.start()
            try:
                for line in process.stdout or ():
                    # One event a line; what else kubectl says (a refused connection) is no JSON.
                    event = json.loads(line) if line.startswith("{") else {}
                    if event.get("type") in ("ADDED", "MODIFIED"):
                        yield event["object"]
            finally:
                timer.cancel()

    def apply(self, *manifests: Mapping[str, Any]) -> str:
        """Apply plain objects, as a GitOps tool would: server-side, under its own name."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        return self.run("apply", "--server-side", "--field-manager=git", "-f", "-", stdin=text)

    @contextmanager
    def following(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Start a call that goes on (logs -f, port-forward) and end it with the block."""
        with subprocess.Popen(
            self.argv(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
