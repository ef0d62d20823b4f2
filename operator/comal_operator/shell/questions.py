"""Answers what a decision asks: the end of a log, an object's Events, what a router runs."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from comal_operator.core.plan import EventsOf, LogTail, Manifest, Question, RouterVersions
from comal_operator.shell.faults import MissingError, RefusedError
from comal_operator.shell.gateway import Gateway

log = logging.getLogger(__name__)

AskRouter = Callable[[RouterVersions], Awaitable[Mapping[str, Any] | None]]


class Answers:
    """Answers questions; what cannot be answered has the answer that its question names."""

    def __init__(self, gateway: Gateway, ask_router: AskRouter) -> None:
        self._gateway = gateway
        self._ask_router = ask_router

    async def ask(self, namespace: str, question: Question) -> Any:
        """Return the answer; raise TransientError if the API server is away."""
        match question:
            case LogTail(pod, container, lines):
                return await self._log_tail(namespace, pod, container, lines)
            case EventsOf():
                return await self._events(namespace, question)
            case RouterVersions():
                return await self._ask_router(question)

    async def _log_tail(self, namespace: str, pod: str, container: str, lines: int) -> str:
        try:
            return await self._gateway.log_tail(namespace, pod, container, lines)
        except (MissingError, RefusedError):
            # The Pod is gone, or its container never started.
            return ""

    async def _events(self, namespace: str, question: EventsOf) -> tuple[tuple[str, str], ...]:
        fields = f"involvedObject.uid={question.uid},involvedObject.name={question.name}"
        found = await self._gateway.list("Event", namespace, fields=fields)
        newest = sorted(found.items, key=_when, reverse=True)
        return tuple((one.get("reason") or "", one.get("message") or "") for one in newest)


def _when(event: Manifest) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((time for time in times if time), event["metadata"].get("creationTimestamp") or "")
