"""`serve`: prove the folder, load the model, answer until SIGTERM, lose no request."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from comal_scorer.app import Application
from comal_scorer.contract import TerminationReason
from comal_scorer.cores import usable_cores
from comal_scorer.failure import TerminationError
from comal_scorer.measurements import Measurements
from comal_scorer.request_log import RequestLog, write_line
from comal_scorer.scoring import load_scorer
from comal_scorer.settings import Settings
from comal_scorer.verification import verify_folder

# Connections, not requests: routers keep many idle ones open, and probes must still get in.
_CONNECTIONS = 4096
_BACKLOG = 1024
# Longer than routers keep an idle connection, so that they close it, not we under their request.
_IDLE_MILLISECONDS = 120_000
_STOP_SECONDS = 30.0


def serve(settings: Settings) -> None:
    """Serve until SIGTERM and return; raises `TerminationError` when serving cannot start."""
    verify_folder(settings.model_dir, settings.model_digest)
    scorer = load_scorer(settings.model_dir, settings.max_image_pixels)
    threads = settings.threads or usable_cores()
    log = None
    if settings.request_log:
        identity = (settings.model_name, settings.model_version, settings.revision)
        log = RequestLog(*identity, write_line)
    application = Application(settings, scorer, Measurements(settings), log, threads)
    # Everything loaded so far stays: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    asyncio.run(_serve(settings, application))


async def _serve(settings: Settings, application: Application) -> None:
    server = _server(settings, application)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = loop.create_task(server.serve())
    stopped = loop.create_task(stopping.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.is_set():
        raise _cannot_listen(settings, serving.exception())
    application.draining = True
    _say("draining", seconds=settings.drain_seconds)
    # Routers learn from /readyz and from the closed connections; requests are answered meanwhile.
    await asyncio.sleep(settings.drain_seconds)
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait({serving}, timeout=_STOP_SECONDS)
    _say("stopped")


def _server(settings: Settings, application: Application) -> Server:
    return Server(
        application,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_IDLE_MILLISECONDS),
        websockets=False,
        backlog=_BACKLOG,
        backpressure=_CONNECTIONS,
        log_enabled=False,
    )


def _cannot_listen(settings: Settings, problem: BaseException | None) -> TerminationError:
    message = f"port {settings.port} cannot be served ({problem}); is it taken?"
    return TerminationError(TerminationReason.SETTINGS_INVALID, message)


def _say(event: str, **facts: float) -> None:
    sys.stderr.write(json.dumps({"event": event, **facts}) + "\n")
