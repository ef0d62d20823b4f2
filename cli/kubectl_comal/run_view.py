"""A TrainingRun on a screen: its steps, its gate and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kubectl_comal.ages import age
from kubectl_comal.deployment_view import headline, troubles
from kubectl_comal.objects import Found

_COLOURS = {
    "Running": "yellow",
    "Succeeded": "green",
    "Cached": "cyan",
    "Failed": "red",
    "Stopped": "red",
}


def run_view(found: Found, now: datetime | None = None) -> RenderableType:
    """Return the whole picture."""
    return Group(*_parts(found, now))


def _parts(found: Found, now: datetime | None) -> Iterator[RenderableType]:
    status = found.status
    yield headline(found)
    yield Text()
    progress = status.get("progress")
    if progress and progress.get("percent") is not None:
        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=100, completed=progress["percent"], width=30)
        row.add_row(bar, progress.get("text", ""), progress.get("epoch", ""))
        yield row
    if status.get("steps"):
        yield _steps(status["steps"], now)
    sweep = status.get("sweep")
    if sweep:
        yield Text(_sweep(sweep))
    gate = status.get("gate")
    if status.get("metric") and not gate:
        yield Text(status["metric"])
    if gate:
        yield _gate(gate)
    if status.get("modelVersion"):
        yield Text(f"registered as {status['modelVersion']}", style="green")
    yield from troubles(found, {"Notified": "True"})
    failed = [one for one in status.get("steps") or () if one.get("logTail")]
    for step in failed[:1]:
        yield Text(f"last lines of {step['name']}:", style="bold")
        yield Text(step["logTail"], style="dim")


def _steps(steps: list[Mapping[str, Any]], now: datetime | None) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("STEP", "STATE", "ATTEMPTS", "TOOK", "NODE", "REASON"):
        table.add_column(column, no_wrap=column != "REASON")
    for one in steps:
        state = one["state"]
        attempts = str(one.get("attempts") or "")
        if one.get("interruptions"):
            attempts += f" ({one['interruptions']} interrupted)"
        table.add_row(
            one["name"],
            Text(state, style=_COLOURS.get(state, "")),
            attempts,
            _took(one, now),
            one.get("node", ""),
            one.get("reason") or (f"from {one['cachedFrom']}" if one.get("cachedFrom") else ""),
        )
    return table


def _took(step: Mapping[str, Any], now: datetime | None) -> str:
    end = step.get("completionTime")
    return age(step.get("startTime"), datetime.fromisoformat(end) if end else now)


def _sweep(sweep: Mapping[str, Any]) -> str:
    """Return how many trials there are of each state, and the best one."""
    trials = sweep.get("trials") or ()
    states = Counter(one["state"] for one in trials)
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    text = f"sweep of {len(trials)} trials: {counts}" if trials else "sweep without a trial yet"
    best = next((one for one in trials if one["number"] == sweep.get("best")), None)
    if best is None:
        return text
    tried = " ".join(f"{name}={value}" for name, value in best["parameters"].items())
    return f"{text}; best is {best['run']} with {best.get('value', '')}: {tried}"


def _gate(gate: Mapping[str, Any]) -> RenderableType:
    colour = {"Passed": "green", "Rejected": "red"}.get(gate["decision"], "yellow")
    head = Text.assemble("gate ", (gate["decision"], colour))
    baseline = gate.get("baseline")
    if baseline:
        head.append(f", beside {baseline['version']}")
    rows = gate.get("comparison") or ()
    if not rows:
        return head
    table = Table(box=None, padding=(0, 2, 0, 2))
    for column in ("METRIC", "CANDIDATE", "BASELINE", "RULE", ""):
        table.add_column(column)
    for row in rows:
        mark = Text("ok", style="green") if row["passed"] else Text("no", style="red")
        both = (row.get("candidate", ""), row.get("baseline", ""))
        table.add_row(row["metric"], *both, row["rule"], mark)
    return Group(head, table)
