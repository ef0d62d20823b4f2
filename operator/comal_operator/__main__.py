"""The operator's process: crash-only, so whichever part ends first ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import uuid
from collections.abc import Coroutine
from typing import Any

import kopf

from comal_operator.handlers.forgetful import Forgetful
from comal_operator.handlers.kopf_settings import listener_settings
from comal_operator.handlers.login import log_in_by
from comal_operator.handlers.watches import watch
from comal_operator.settings import ProcessSettings, SettingError, read_settings
from comal_operator.shell.api import Api
from comal_operator.shell.connection import UnreachableClusterError, connect, own_namespace
from comal_operator.shell.engine import Engine, Surroundings
from comal_operator.shell.faults import ApiFaultError
from comal_operator.shell.health import Health
from comal_operator.shell.kinds import child_kinds
from comal_operator.shell.lease import Lease
from comal_operator.shell.nodes import NODE
from comal_operator.shell.resources import RESOURCES
from comal_operator.shell.watchdog import watch_over

log = logging.getLogger("comal")


def main() -> int:
    """Run until a signal or a fault; return the exit status."""
    identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    try:
        settings = read_settings(os.environ, own_namespace=own_namespace(), identity=identity)
        logging.basicConfig(
            level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        # kopf tells of every event that it hears, and of every handler that heard it.
        logging.getLogger("kopf").setLevel(logging.WARNING)
        return asyncio.run(operate(settings, Surroundings()))
    except (SettingError, UnreachableClusterError) as error:
        print(f"comal-operator: {error}", file=sys.stderr)
        return 2


async def operate(settings: ProcessSettings, around: Surroundings) -> int:
    """Run the operator; return 0 after SIGTERM, 1 after a fault.

    Raises UnreachableClusterError when there is no cluster to talk to.
    """
    api = Api(await connect())
    # Connections of its own: a burst of looks must not delay the renewal.
    lease_api = Api(await connect())
    lease = Lease(
        lease_api,
        namespace=settings.decisions.operator_namespace,
        identity=settings.identity,
    )
    engine = Engine(
        api=api,
        fence=lease,
        namespaces=settings.namespaces,
        settings=settings.decisions,
        around=around,
    )
    filled = asyncio.Event()
    await Health(filled.is_set).start(host="0.0.0.0", port=settings.port)  # noqa: S104 - in a Pod
    await engine.progress.start(host="0.0.0.0", port=settings.progress_port)  # noqa: S104 - as above
    heard = asyncio.Event()
    parts = {
        "watches": _listen(settings, engine, around, heard),
        "lease": lease.run(),
        "audit": _audit(engine, filled),
        "queue": _work(engine, lease, filled),
        "watchdog": watch_over(memory_limit=settings.memory_limit),
        "signals": _wait_for_signal(heard),
    }
    return await _until_first_ends(parts, lease)


async def _until_first_ends(parts: dict[str, Coroutine[Any, Any, None]], lease: Lease) -> int:
    tasks = {asyncio.create_task(work, name=name) for name, work in parts.items()}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    ended = done.pop()
    fault = ended.exception()
    if fault is None:
        log.info("%s: asked to stop", ended.get_name())
    else:
        log.critical("%s ended: %r; the process ends", ended.get_name(), fault)
    for task in pending:
        # Nothing may write after the Lease is given away.
        if task.get_name() in ("queue", "lease"):
            task.cancel()
            await asyncio.wait({task}, timeout=5)
    if fault is None:
        try:
            await lease.release()
        except ApiFaultError as error:
            log.warning("lease not released: %s", error)
    # kopf would wait for its own ends for up to half a minute.
    logging.shutdown()
    os._exit(0 if fault is None else 1)


async def _listen(
    settings: ProcessSettings, engine: Engine, around: Surroundings, heard: asyncio.Event
) -> None:
    registry = kopf.OperatorRegistry()
    log_in_by(registry)
    children = [RESOURCES[kind] for kind in child_kinds(around.kinds)]
    nodes = [RESOURCES[NODE]] if settings.decisions.watch_nodes else []
    for resource in (*(RESOURCES[kind] for kind in around.kinds), *children, *nodes):
        watch(registry, resource, engine.hear)
    await kopf.operator(
        registry=registry,
        settings=listener_settings(children),
        memories=Forgetful(),
        standalone=True,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        ready_flag=heard,
    )


async def _audit(engine: Engine, filled: asyncio.Event) -> None:
    while not filled.is_set():
        try:
            await engine.audit.fill()
            filled.set()
        except ApiFaultError as fault:
            log.warning("first list: %s; trying again", fault)
            await asyncio.sleep(2)
    await engine.audit.run()


async def _work(engine: Engine, lease: Lease, filled: asyncio.Event) -> None:
    await filled.wait()
    await engine.queue.run(lease.held)


async def _wait_for_signal(heard: asyncio.Event) -> None:
    # kopf takes the signals as it starts; ours come after, since it would not release the Lease.
    await heard.wait()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()


if __name__ == "__main__":
    sys.exit(main())
