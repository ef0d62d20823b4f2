"""Who is told how a run goes: a small Job for each webhook and each edge.

Not the operator itself: it cannot read Secrets (docs/decisions/0004), and what an address in one of
them leads to is nothing that its own network should reach. The Job is made before the status that
tells of the edge is written, under a name that the edge alone gives: so it is made once, nobody
waits for it, and after the end of a run no child is ever made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from comal_operator.api.training_notify import Edge, Notice
from comal_operator.core.conditions import timestamp
from comal_operator.core.names import short_hash
from comal_operator.core.plan import Create, Manifest
from comal_operator.core.training.jobs import notify_job, notify_job_name
from comal_operator.core.training.look import Look, State

# Of the status, what a receiver may want to know; conditions are told as reason and message.
_TOLD = ("metric", "metrics", "modelVersion", "interruptions", "startTime", "completionTime")


@dataclass(frozen=True)
class Happened:
    """Something that a webhook may want to hear of."""

    edges: tuple[Edge, ...]
    """What it is called, the first one in the event; any of them may be asked for."""
    mark: str
    """What tells it from all others of this run."""
    told: Mapping[str, Any]


def notices(look: Look, state: State, status: Mapping[str, Any]) -> tuple[Create, ...]:
    """Return what tells of the edges that writing `status` latches; a refused one holds up nothing.

    Empty for a status that tells of no new one.
    """
    found = []
    for happened in _happened(look, state):
        event = _event(look, happened, status)
        for number, notice in enumerate(look.spec.notify):
            job = _job(look, number, notice, happened, event)
            if job is not None:
                found.append(Create(job))
    return tuple(found)


def asked(look: Look, state: State) -> tuple[str, ...]:
    """Return the names of the Jobs that tell of what `state` has news of."""
    return tuple(
        notify_job_name(look.run, _part(number, happened))
        for happened in _happened(look, state)
        for number, notice in enumerate(look.spec.notify)
        if _wants(notice, happened)
    )


def _happened(look: Look, state: State) -> Iterator[Happened]:
    if not look.spec.notify:
        return
    known = {step.name: step.interruptions or 0 for step in look.status.steps}
    for step in look.steps:
        times = step.interruptions or 0
        if times > known.get(step.name, 0):
            told = {"step": step.name, "reason": step.reason, "message": step.message}
            yield Happened(("Interrupted",), f"interrupted-{step.name}-{times}", told)
    edges = _of_the_end(state)
    if edges:
        told = {"reason": str(state.reason), "message": state.message}
        yield Happened(edges, "end", told)


def _of_the_end(state: State) -> tuple[Edge, ...]:
    if not state.is_final:
        return ()
    verdict = state.facts.verdict
    rejected: tuple[Edge, ...] = ("Rejected",) if verdict and not verdict.passed else ()
    if state.kind == "Failed":
        return (*rejected, "Failed")
    if state.kind == "Complete" and not rejected:
        return ("Completed",)
    return rejected


def _job(
    look: Look, number: int, notice: Notice, happened: Happened, event: Manifest
) -> Manifest | None:
    """Return the Job that tells this webhook; None where it need not, or cannot, be made."""
    if not _wants(notice, happened):
        return None
    job = notify_job(look, _part(number, happened), notice.webhook.secret_ref, event)
    key = ("Job", job["metadata"]["name"])
    return None if key in look.seen.objects or key in look.seen.refusals else job


def _wants(notice: Notice, happened: Happened) -> bool:
    return not set(notice.when).isdisjoint(happened.edges)


def _part(number: int, happened: Happened) -> str:
    return f"{happened.edges[0].lower()}-{short_hash(happened.mark, number)}"


def _event(look: Look, happened: Happened, status: Mapping[str, Any]) -> Manifest:
    """Return the CloudEvent 1.0; its id is the same however often it is sent."""
    meta, source = look.run["metadata"], look.spec.source
    path = f"/apis/comal.dev/v1alpha1/namespaces/{meta['namespace']}/trainingruns/{meta['name']}"
    gate = {key: value for key, value in (status.get("gate") or {}).items() if key != "comparison"}
    data = {
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "outcome": happened.edges[0],
        **happened.told,
        "experiment": look.spec.experiment,
        "source": source.to_wire() if source else None,
        "gate": gate or None,
        **{name: status.get(name) for name in _TOLD},
    }
    return {
        "specversion": "1.0",
        "id": f"{meta['uid']}-{happened.mark}",
        "source": path,
        "type": f"dev.comal.trainingrun.{happened.edges[0].lower()}",
        "subject": meta["name"],
        "time": timestamp(look.now),
        "datacontenttype": "application/json",
        "data": {key: value for key, value in data.items() if value is not None},
    }
