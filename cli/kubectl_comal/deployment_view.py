"""A ModelDeployment on a screen: who serves, how far the rollout is, and what decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kubectl_comal.ages import age
from kubectl_comal.objects import Found

_ROLES = ("stable", "candidate", "previous")
_COLOURS = {"stable": "green", "candidate": "yellow", "previous": "cyan"}
# Conditions are told when they are not as here; what AnalysisHealthy says stands in other lines.
_QUIET_WHEN = {
    "Available": "True",
    "ModelResolved": "True",
    "RouteReady": "True",
    "ScalingActive": "True",
    "SpansSent": "True",
    "UpdateAvailable": "False",
}


def deployment_view(found: Found, now: datetime | None = None) -> RenderableType:
    """Return the whole picture."""
    return Group(*_parts(found, now))


def _parts(found: Found, now: datetime | None) -> Iterator[RenderableType]:
    yield headline(found)
    status = found.status
    if status.get("url"):
        yield Text(f"  {status['url']}", style="dim")
    yield Text()
    if any(status.get(one) for one in (*_ROLES, "variants", "draining")):
        yield _revisions(status, now)
    yield from _rollout(status, now)
    yield from troubles(found, _QUIET_WHEN)
    for one in status.get("rejected") or ():
        text = f"rejected {age(one['at'], now)} ago: {one['modelVersion']} ({one['revision']})"
        yield Text(_said(f"{text} {one['reason']}", one.get("message")), style="red")


def troubles(found: Found, quiet_when: Mapping[str, str]) -> Iterator[Text]:
    """Return a line for each condition that is not as it is while all is well."""
    for kind, quiet in quiet_when.items():
        condition = found.condition(kind)
        if condition and condition["status"] != quiet:
            text = f"{kind} {condition['status']} {condition['reason']}"
            yield Text(_said(text, condition.get("message")))


def _said(what: str, message: str | None) -> str:
    return f"{what}: {message}" if message else what


def headline(found: Found) -> Text:
    """Return name, state and sentence of any object of ours."""
    ready = found.condition("Ready")
    stalled = found.condition("Stalled").get("status") == "True"
    colour = "red" if stalled else "green" if ready.get("status") == "True" else "yellow"
    state = str(ready.get("reason") or "not looked at yet")
    text = Text.assemble((found.name, "bold"), "  ", (state, f"bold {colour}"))
    meta = found.body["metadata"]
    if found.status.get("observedGeneration", -1) not in (-1, meta.get("generation")):
        text.append("  (of an older spec)", style="dim")
    if ready.get("message"):
        text.append(f"\n  {ready['message']}")
    return text


def _revisions(status: Mapping[str, Any], now: datetime | None) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("ROLE", "MODEL", "REVISION", "READY", "WEIGHT", "ROUTERS", "SINCE"):
        table.add_column(column, style="dim" if column == "REVISION" else "", no_wrap=True)
    traffic = {one["revision"]: one for one in status.get("traffic") or ()}
    for role in _ROLES:
        one = status.get(role)
        if not one:
            continue
        share = traffic.get(one["revision"], {})
        _add(table, Text(role, style=_COLOURS[role]), one, share, now)
    for variant in status.get("variants") or ():
        for part in ("serving", "following"):
            if part in variant:
                share = traffic.get(variant[part]["revision"], {})
                role = variant["name"] if part == "serving" else f"{variant['name']} (next)"
                _add(table, Text(role, style="magenta"), variant[part], share, now)
    for one in status.get("draining") or ():
        since = age(one.get("since"), now)
        table.add_row(Text("draining", style="dim"), "", one["revision"], *[""] * 3, since)
    return table


def _add(
    table: Table,
    role: Text,
    one: Mapping[str, Any],
    share: Mapping[str, Any],
    now: datetime | None,
) -> None:
    table.add_row(
        role,
        one["modelVersion"],
        one["revision"],
        one.get("ready", ""),
        _percent(share.get("percent")),
        _percent(share.get("acknowledgedPercent")),
        age(one.get("since"), now),
    )


def _percent(share: str | None) -> str:
    return "" if share is None else f"{share} %"


def _rollout(status: Mapping[str, Any], now: datetime | None) -> Iterator[RenderableType]:
    candidate = status.get("candidate")
    if candidate and status.get("stable"):
        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=100, completed=float(status.get("weight") or 0), width=30)
        copies = f", and copies of {status['shadow']} %" if status.get("shadow") else ""
        shares = f"{status.get('weight', '0')} %{copies}"
        row.add_row(f"step {status.get('step', '0')}", bar, shares)
        yield row
    hold = status.get("hold")
    if hold:
        text = f"held by {hold['by']} for {age(hold['since'], now)}"
        yield Text(_said(text, hold.get("message")), style="yellow")
    if status.get("smoke"):
        smoke = status["smoke"]
        word = "passed" if smoke.get("passed") else "failed"
        yield Text(_said(f"smoke test {word}", smoke.get("message")))
    analysis = status.get("analysis")
    if analysis:
        errors = f"{analysis.get('errors', 0)} of {analysis.get('requests', 0)} requests failed"
        stable = f"{analysis.get('stableErrors', 0)} of {analysis.get('stableRequests', 0)}"
        text = f"analysis {analysis['verdict']}: {errors}, of stable {stable}"
        yield Text(f"{text}. {analysis.get('message', '')}".rstrip(". "))
        for check in analysis.get("checks") or ():
            text = f"check {check['name']} {check['state']} {age(check['at'], now)} ago"
            yield Text(_said(text, check.get("message")))
        answers = analysis.get("answers")
        if answers:
            yield Text(_answers(answers))


def _answers(answers: Mapping[str, Any]) -> str:
    """Return how answers to copies were, in words."""
    if answers.get("problem") and not answers.get("compared"):
        return f"answers to copies: {answers['problem']}"
    counts = f"{answers.get('different', 0)} of {answers.get('compared', 0)} differ from stable's"
    text = f"answers to copies: {counts}, by {answers.get('greatest', '0')} at most"
    return f"{text}; the last time: {answers['problem']}" if answers.get("problem") else text
