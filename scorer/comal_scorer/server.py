"""`serve`: prove the folder, load the model, answer until SIGTERM, lose no request."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from comal_scorer import contract
from comal_scorer.assembly import Service, assemble
from comal_scorer.comparison.kept_answers import KeptAnswers
from comal_scorer.contract import TerminationReason
from comal_scorer.cores import usable_cores
from comal_scorer.failure import LastWords, TerminationError, report_termination
from comal_scorer.measurements import Measurements
from comal_scorer.memory import keep_memory
from comal_scorer.model_card import ModelCard, model_invalid, read_card
from comal_scorer.protocol.application import Application
from comal_scorer.protocol.observed import Observed
from comal_scorer.protocol.request_log import RequestLog, Told, write_line
from comal_scorer.settings import Settings
from comal_scorer.supervisor import supervise
from comal_scorer.verification import verify_folder

if TYPE_CHECKING:
    from comal_scorer.protocol.request_traces import RequestTraces

# Connections, not requests: routers keep many idle ones open, and probes must still get in.
_CONNECTIONS = 4096
_OBSERVERS = 64
_BACKLOG = 1024
# Longer than routers keep an idle connection, so that they close it, not we under their request.
_IDLE_MILLISECONDS = 120_000
_STOP_SECONDS = 30.0

# The measurements, the service of each worker, and how many workers there are.
_Loaded = tuple[Measurements, Callable[[int], Service], int]

_UNLOADABLE = model_invalid(
    "the process ended, or took too long, while it loaded the model: its file is damaged, or it "
    "needs more memory or time (COMAL_LOAD_SECONDS) than this container has"
)


def serve(settings: Settings, termination_log: Path) -> int:
    """Serve until SIGTERM, return the exit code; raises `TerminationError` when that cannot be."""
    keep_memory()
    verify_folder(settings.model_dir, settings.model_digest)
    card = _card(settings)
    cores = settings.threads or usable_cores()
    with LastWords(_UNLOADABLE, termination_log, settings.load_seconds):
        measurements, services, workers = _loaded(settings, card, cores)
    kept = KeptAnswers(workers)
    told: tuple[Told, ...] = ()
    if settings.request_log:
        identity = (settings.model_name, settings.model_version, settings.revision)
        told = (RequestLog(*identity, write_line),)
    # Everything loaded so far stays: the collector need not look at it again, and workers share it.
    gc.collect()
    gc.freeze()

    def work(worker: int) -> int:
        measurements.become(worker)
        kept.become(worker)
        service = services(worker)
        traces = _traces(settings, service)
        witnesses = told if traces is None else (*told, traces)
        application = assemble(settings, service, measurements, witnesses, kept)
        # One tells the counts of all.
        observed = Observed(measurements) if worker == 0 else None
        try:
            uvloop.run(_serve(settings, application, observed))
        except TerminationError as error:
            report_termination(error, termination_log)
            return 1
        finally:
            service.close()
            if traces is not None:
                traces.close()
        return 0

    return work(0) if workers == 1 else supervise(workers, work)


def _traces(settings: Settings, service: Service) -> RequestTraces | None:
    """Return what makes spans; it has a thread, so it is begun after the fork."""
    if not settings.traced:
        return None
    # Imported late: a second of a start that needs none of it.
    from comal_scorer.protocol.request_traces import RequestTraces  # noqa: PLC0415

    return RequestTraces(settings, frozenset(service.routes))


def _card(settings: Settings) -> ModelCard:
    card = read_card(settings.model_dir)
    if not settings.contract:
        return card
    if card.contract == "script":
        raise model_invalid(
            f"{contract.CONTRACT_ENV} is {settings.contract} and the model is a script, which "
            "decides itself how it is asked: remove predictor.contract"
        )
    return msgspec.structs.replace(card, contract=settings.contract)


def _loaded(settings: Settings, card: ModelCard, cores: int) -> _Loaded:
    """Return what is served, and by how many worker processes."""
    # Imported late: a script's server needs no runtime, a model's no script workers.
    if settings.script:
        from comal_scorer.script_service import script_service  # noqa: PLC0415

        measurements = Measurements(settings, 1)
        script = script_service(settings, card, cores, measurements.move_in_flight)
        return measurements, lambda _: script, 1
    if card.contract == "script":
        raise model_invalid(
            f"model.yaml contract: script: set {contract.SCRIPT_ENV}=model "
            "(predictor.script.fromModel: true) where the model's own code may run"
        )
    from comal_scorer.model_service import Share, model_service  # noqa: PLC0415
    from comal_scorer.scoring import load_scorer  # noqa: PLC0415

    scorer = load_scorer(
        settings.model_dir, card, settings.max_image_pixels, may_batch=settings.batching
    )
    # A quick model is answered on the event loop, which fills one core; the runtime of a slow one
    # lets threads fill them all.
    workers = settings.workers or (cores if scorer.inline else 1)
    _say("loaded", seconds=scorer.seconds, workers=workers, batched=scorer.batched)
    measurements = Measurements(settings, workers)
    threads = max(1, cores // workers)

    def service(worker: int) -> Service:
        return model_service(settings, scorer, Share(worker, workers, threads), measurements)

    return measurements, service, workers


async def _serve(settings: Settings, application: Application, observed: Observed | None) -> None:
    servers = {settings.port: _server(settings, settings.port, application, _CONNECTIONS)}
    if observed is not None and settings.metrics_port is not None:
        port = settings.metrics_port
        servers[port] = _server(settings, port, observed, _OBSERVERS)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = {loop.create_task(server.serve()): port for port, server in servers.items()}
    stopped = loop.create_task(stopping.wait())
    ended, _ = await asyncio.wait({*serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.is_set():
        [task, *_] = ended
        raise _cannot_listen(serving[task], task.exception())
    application.draining = True
    _say("draining", seconds=settings.drain_seconds)
    # Routers learn from /readyz and from the closed connections; requests are answered meanwhile.
    await asyncio.sleep(settings.drain_seconds)
    for server in servers.values():
        server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait(serving, timeout=_STOP_SECONDS)
    application.close()
    _say("stopped")


def _server(
    settings: Settings, port: int, application: Application | Observed, connections: int
) -> Server:
    return Server(
        application,
        address=settings.host,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_IDLE_MILLISECONDS),
        websockets=False,
        backlog=_BACKLOG,
        backpressure=connections,
        log_enabled=False,
    )


def _cannot_listen(port: int, problem: BaseException | None) -> TerminationError:
    message = f"port {port} cannot be served ({problem}); is it taken?"
    return TerminationError(TerminationReason.SETTINGS_INVALID, message)


def _say(event: str, **facts: float) -> None:
    sys.stderr.write(json.dumps({"event": event, **facts}) + "\n")
