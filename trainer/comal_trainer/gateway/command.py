"""`registry-gateway`: serve until told to stop, or say why the registry is not reached and end."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from comal_trainer.authorities import AuthoritiesError, trust
from comal_trainer.contract import (
    MAX_ERROR_CHARACTERS,
    PASSWORD_FILE,
    TERMINATION_LOG,
    TERMINATION_LOG_ENV,
    USERNAME_FILE,
)
from comal_trainer.contract.azure import AzureReason
from comal_trainer.contract.gateway import Upstream
from comal_trainer.gateway.login_store import LoginStore
from comal_trainer.gateway.server import Server, Turns
from comal_trainer.gateway.store import Store, StoreFailure

# A registry that is away for a moment is no news.
_PAUSES: Final = (1.0, 2.0, 4.0)
# So long after a role is taken away this is told.
_LOOK_AGAIN: Final = 300.0
_LAST_CALLS: Final = 25.0


@dataclass(frozen=True)
class Doors:
    """Where the gateway listens, and the login for whoever writes."""

    writer: int
    reader: int
    credentials: Path


def gateway(
    upstream: Upstream,
    doors: Doors,
    *,
    login: Path,
    authorities: Path,
    environment: Mapping[str, str],
) -> None:
    """Serve until SIGTERM; leave the process with code 1 where the registry does not let us in."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        store = open_store(upstream, login, authorities, environment)
        _look(store, stop)
        _serve(store, upstream.path, doors, stop)
    except StoreFailure as failure:
        _tell(failure, environment)
        sys.exit(1)


def open_store(
    upstream: Upstream, login: Path, authorities: Path, environment: Mapping[str, str]
) -> Store:
    """Return the registry; raise StoreFailure where what it needs of ours is missing."""
    try:
        trust(upstream, authorities, environment)
    except AuthoritiesError as error:
        raise StoreFailure(AzureReason.CA_BUNDLE_MISSING, str(error), status=503) from None
    if not upstream.is_azure:
        return LoginStore(upstream, lambda: _account(login))
    # Only where Azure is asked: the other image has none of its SDKs.
    from comal_trainer.gateway.azure_store import AzureStore  # noqa: PLC0415

    return AzureStore(upstream, login, environment)


def _look(store: Store, stop: threading.Event) -> None:
    """See that the registry lets us in; raise StoreFailure."""
    for pause in _PAUSES:
        try:
            store.check()
        except StoreFailure as failure:
            if not failure.is_passing or stop.wait(pause):
                raise
        else:
            return
    store.check()


def _serve(store: Store, path: str, doors: Doors, stop: threading.Event) -> None:
    turns = Turns()
    servers = (
        Server(doors.writer, store, path, turns, lambda: _account(doors.credentials)),
        Server(doors.reader, store, path, turns, None),
    )
    threads = [threading.Thread(target=one.serve_forever, daemon=True) for one in servers]
    for thread in threads:
        thread.start()
    print(f"serving at {', '.join(str(one.server_port) for one in servers)}", flush=True)
    try:
        while not stop.wait(_LOOK_AGAIN):
            _still(store)
    finally:
        for one in servers:
            one.shutdown()
        turns.wait(_LAST_CALLS)


def _still(store: Store) -> None:
    """Raise StoreFailure where we are let in no more; what passes is no reason to end."""
    try:
        store.check()
    except StoreFailure as failure:
        if not failure.is_passing:
            raise


def _account(folder: Path) -> tuple[str, str] | None:
    # Read each time: what is written into the Secret later holds from then on.
    try:
        return (
            (folder / USERNAME_FILE).read_text().strip(),
            (folder / PASSWORD_FILE).read_text().strip(),
        )
    except FileNotFoundError:
        return None


def _tell(failure: StoreFailure, environment: Mapping[str, str]) -> None:
    """Leave the reason for the operator, and in the log."""
    text = str(failure).encode("ascii", "replace").decode("ascii")[:MAX_ERROR_CHARACTERS]
    line = json.dumps({"reason": str(failure.reason), "message": text})
    path = environment.get(TERMINATION_LOG_ENV, TERMINATION_LOG)
    if TERMINATION_LOG_ENV in environment or os.access(path, os.W_OK):
        Path(path).write_text(line, encoding="ascii")
    print(line, flush=True)
