"""Puts an application together: what is served, with the pages and limits that all share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from comal_scorer import contract
from comal_scorer.collection.collector import Collector
from comal_scorer.comparison.kept_answers import KeptAnswers
from comal_scorer.limits.body import BodyReader
from comal_scorer.limits.turns import Turns
from comal_scorer.measurements import EXPOSITION_TYPE, Measurements
from comal_scorer.protocol.answers_route import AnswersRoute
from comal_scorer.protocol.application import Application, Table, Witnesses
from comal_scorer.protocol.exchange import Dialect, Page, Route
from comal_scorer.protocol.in_turn import InTurn
from comal_scorer.protocol.request_log import Told
from comal_scorer.protocol.strict import Strict
from comal_scorer.settings import Settings

# The name in the Open Inference Protocol's paths when nobody gave one.
UNNAMED = "model"


@dataclass(frozen=True, slots=True)
class Service:
    """What answers: routes and pages of its own, and what must be known of it from outside."""

    routes: dict[str, Route]
    pages: Callable[[Callable[[], bool]], dict[str, Page]]
    elsewhere: Callable[[str], Dialect]
    ready: Callable[[], bool] = lambda: True
    collector: Collector | None = None
    close: Callable[[], None] = lambda: None


def assemble(
    settings: Settings,
    service: Service,
    measurements: Measurements,
    told: tuple[Told, ...],
    kept: KeptAnswers,
) -> Application:
    """Return the application that serves the service."""
    identity = [
        (contract.MODEL_VERSION_HEADER, settings.model_version),
        (contract.REVISION_HEADER, settings.revision),
    ]
    pages: dict[str, Page] = {}
    routes = _in_turn(settings, service.routes)
    routes[contract.ANSWERS_PATH] = Route(AnswersRoute(kept), Strict())
    table = Table(pages, routes, service.elsewhere)
    bodies = BodyReader(settings.max_body_bytes)
    witnesses = Witnesses(measurements, told, service.collector, kept)
    application = Application(table, bodies, identity, witnesses)

    def is_ready() -> bool:
        # The application exists only after its model has made a prediction.
        return not application.draining and service.ready()

    def ready(_: str) -> tuple[int, str, bytes]:
        if is_ready():
            return 200, "text/plain", b"ok"
        return 503, "text/plain", b"draining" if application.draining else b"not ready"

    pages |= service.pages(is_ready)
    pages |= {
        contract.HEALTH_PATH: lambda _: (200, "text/html", contract.HEALTHY_BODY.encode()),
        contract.LIVE_PATH: lambda _: (200, "text/plain", b"ok"),
        contract.READY_PATH: ready,
        contract.METRICS_PATH: lambda _: (200, EXPOSITION_TYPE, measurements.exposition()),
    }
    return application


def _in_turn(settings: Settings, routes: dict[str, Route]) -> dict[str, Route]:
    """Return the routes behind one line, if there may be one."""
    if settings.max_in_flight is None or not settings.queue_seconds:
        return dict(routes)
    turns = Turns(settings.max_in_flight, settings.queue_seconds)
    return {
        path: replace(route, endpoint=InTurn(route.endpoint, turns))
        for path, route in routes.items()
    }
