"""What the person at the terminal sees: chapters, live rows of `kubectl get`, tables."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console

from demo.kubectl import Kubectl, KubectlError


class Display:
    """Prints the story; rows appear when they change, so a log reads as well as a terminal."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._started = time.monotonic()

    def chapter(self, title: str) -> None:
        """Begin a new part of the story."""
        self._console.print(f"\n[bold]{title}[/bold]")

    def say(self, text: str) -> None:
        """Print one line with the seconds since the start."""
        passed = time.monotonic() - self._started
        self._console.print(f"[dim]{passed:6.1f}s[/dim] {text}", markup=True)

    def command(self, kubectl: Kubectl, *arguments: str) -> None:
        """Show a kubectl command and its real output."""
        self._console.print(f"[cyan]$ kubectl {' '.join(arguments)}[/cyan]")
        self._console.print(kubectl.run(*arguments).rstrip(), markup=False)

    def rows_until(
        self,
        kubectl: Kubectl,
        what: tuple[str, str],
        done: Callable[[], bool],
        *,
        seconds: float,
    ) -> None:
        """Print `kubectl get KIND NAME` whenever it changes, until `done`.

        Raises KubectlError, with the object's conditions, when that is not in time.
        """
        kind, name = what
        end = time.monotonic() + seconds
        shown, header = "", ""
        while True:
            lines = kubectl.run("get", kind, name, "--ignore-not-found").splitlines()
            if len(lines) > 1:
                row = _without_age(lines)
                if not header:
                    header = lines[0]
                    self._console.print(f"        {header}", style="dim", markup=False)
                if row != shown:
                    shown = row
                    self.say(lines[1].replace("[", "\\["))
            if done():
                return
            if time.monotonic() > end:
                told = kubectl.run("get", kind, name, "-o", "jsonpath={.status.conditions}")
                raise KubectlError(f"{kind} {name} not there after {seconds:.0f} s: {told}")
            time.sleep(0.5)


def _without_age(lines: list[str]) -> str:
    """Return the row without its AGE, which changes each second and tells nothing."""
    start = lines[0].find("AGE")
    return lines[1][:start] if start > 0 else lines[1]
