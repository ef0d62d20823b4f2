"""Answers what a decision asks: ends of logs, Events, what a router runs, what a step reported."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from comal_operator.core.plan import (
    EventsOf,
    LastLogLine,
    LogTail,
    Manifest,
    Named,
    Question,
    RouterVersions,
    StepProgress,
    WorkloadOf,
)
from comal_operator.core.training.kueue import JOB_UID_LABEL
from comal_operator.shell.cache import Cache, ObjectKey
from comal_operator.shell.faults import MissingError, RefusedError
from comal_operator.shell.gateway import Gateway
from comal_operator.shell.reports import Reports

log = logging.getLogger(__name__)

AskRouter = Callable[[RouterVersions], Awaitable[Mapping[str, Any] | None]]


class Answers:
    """Answers questions; what cannot be answered has the answer that its question names."""

    def __init__(
        self, gateway: Gateway, reports: Reports, ask_router: AskRouter, cache: Cache
    ) -> None:
        self._gateway = gateway
        self._reports = reports
        self._ask_router = ask_router
        self._cache = cache

    async def ask(self, namespace: str, question: Question) -> Any:
        """Return the answer; raise TransientError if the API server is away."""
        match question:
            case LogTail(pod, container, lines):
                return await self._log_tail(namespace, pod, container, lines)
            case LastLogLine(pod, container):
                return await self._last_log_line(namespace, pod, container)
            case EventsOf():
                return await self._events(namespace, question)
            case RouterVersions():
                return await self._ask_router(question)
            case StepProgress(pod_uid):
                return self._reports.of(pod_uid)
            case WorkloadOf(job_uid):
                return await self._workloads(namespace, job_uid)
            case Named(kind, name):
                return self._cache.get(ObjectKey(kind, namespace, name))

    async def _log_tail(self, namespace: str, pod: str, container: str, lines: int) -> str:
        try:
            return await self._gateway.log_tail(namespace, pod, container, lines)
        except (MissingError, RefusedError):
            # The Pod is gone, or its container never started.
            return ""

    async def _last_log_line(self, namespace: str, pod: str, container: str) -> datetime | None:
        try:
            text = await self._gateway.last_log_line(namespace, pod, container)
        except (MissingError, RefusedError):
            return None
        stamp = text.partition(" ")[0]
        try:
            return datetime.fromisoformat(stamp)
        except ValueError:
            return None

    async def _workloads(self, namespace: str, job_uid: str) -> tuple[Manifest, ...] | None:
        label = f"{JOB_UID_LABEL}={job_uid}"
        try:
            return tuple((await self._gateway.list("Workload", namespace, labels=label)).items)
        except MissingError:
            # The kind itself: a namespace that is gone lists nothing.
            return None

    async def _events(self, namespace: str, question: EventsOf) -> tuple[tuple[str, str], ...]:
        fields = f"involvedObject.uid={question.uid},involvedObject.name={question.name}"
        found = await self._gateway.list("Event", namespace, fields=fields)
        newest = sorted(found.items, key=_when, reverse=True)
        return tuple((one.get("reason") or "", one.get("message") or "") for one in newest)


def _when(event: Manifest) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((time for time in times if time), event["metadata"].get("creationTimestamp") or "")
