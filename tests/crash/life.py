"""One life of the operator in one namespace: the real shell and decisions, killed at a write."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from apiserver.server import ApiServer
from comal_operator.core.names import FIELD_MANAGER, MANAGED_BY
from comal_operator.core.plan import Ref, Settings
from comal_operator.shell.api import Api, Call
from comal_operator.shell.cache import ObjectKey
from comal_operator.shell.engine import Engine, Surroundings
from comal_operator.shell.faults import (
    ConflictError,
    LeaseLostError,
    MissingError,
    RefusedError,
    TransientError,
)
from comal_operator.shell.hooks import Hooks
from comal_operator.shell.kinds import KINDS
from comal_operator.shell.questions import AskRouter
from crash.clock import Clock
from crash.cluster import Mirror

# Seconds by which a laggard hears late, and takes longer to write status.
_LATE = 0.7
_SLOW = 0.3
# Seconds for which a frozen one sends nothing: enough for another to go on.
_FREEZE = 2.0
# A status comes later still, up to so many: when others are at rest, and it could undo the most.
_LONG_FREEZE = 8.0

SETTINGS = Settings(
    operator_namespace="comal-system",
    trainer_image="localhost/comal/trainer:test",
    scorer_image="localhost/comal/scorer:test",
    router_image="localhost/comal/router:test",
    registry_image="localhost/comal/registry:test",
    azure_image="localhost/comal/azure:test",
)


class When(StrEnum):
    """What happens to the operator at its n-th write."""

    BEFORE = "before"  # killed, nothing sent
    AFTER = "after"  # killed, the write stands
    LOST = "lost"  # lives on, but never hears that the write stands
    DEPOSED = "deposed"  # loses the Lease just before sending, and lives on
    FROZEN = "frozen"  # stands still between the look at its Lease and the write, then dies
    # Nothing; but another one works beside it all the time as if there were no Lease, hears of our
    # own kinds late and writes status slowly.
    TWINS = "twins"


@dataclass(frozen=True)
class Kill:
    """Where an operator dies."""

    write: int
    when: When


# Hears what an operator does, and whether that is the moment of the kill.
Note = Callable[[str, bool], None]


class DeadError(BaseException):
    """The operator was killed here: passes every handler, as SIGKILL would."""


@dataclass
class Trap(Hooks):
    """Counts the writes of one life, and springs at one of them."""

    kill: Kill | None
    note: Note
    writes: list[tuple[str, Ref]] = field(default_factory=list)
    dead: bool = False
    deposed: bool = False
    frozen: bool = False
    thaw: asyncio.Event = field(default_factory=asyncio.Event)
    too_late: set[int] = field(default_factory=set)
    stale_writes: int = 0
    sprung: bool = False

    def before(self, number: int, verb: str, ref: Ref) -> None:
        """Die here if that is planned."""
        if self.dead:
            raise DeadError
        if self.kill is not None and number == self.kill.write:
            when = self.kill.when
            self.note(f"{when.upper()} at write {number}: {verb} {ref.kind} {ref.name}", True)
            if when == When.BEFORE:
                self._die()
            if when == When.DEPOSED:
                self.deposed = self.sprung = True
            if when == When.FROZEN:
                self.frozen = self.sprung = True
        if self.deposed:
            self.too_late.add(number)

    def after(self, number: int, verb: str, ref: Ref) -> None:
        """Die here, or lose the answer, if that is planned."""
        self.writes.append((verb, ref))
        self.note(f"write {number}: {verb} {ref.kind} {ref.name}", False)
        self.stale_writes += number in self.too_late
        if self.dead:
            raise DeadError
        if self.kill is not None and number == self.kill.write:
            if self.kill.when == When.AFTER:
                self._die()
            if self.kill.when == When.LOST:
                self.sprung = True
                raise TransientError("the answer was lost")

    def remaining(self) -> float:
        """Be the fence too: whoever was deposed may not write."""
        if self.deposed:
            raise LeaseLostError("deposed")
        return 10.0

    def _die(self) -> None:
        self.dead = self.sprung = True
        raise DeadError


class FreezingApi(Api):
    """As slow as its operator: the write that was about to go when it froze is the last one."""

    def __init__(self, client: ApiClient, trap: Trap, delay: float) -> None:
        super().__init__(client)
        self._trap = trap
        self._delay = delay
        self._holds_write = True

    async def send(self, call: Call) -> bytes:
        """Send at once, or after the frost."""
        if self._delay and call.subresource == "status":
            # Whatever was judged may have changed by then.
            await asyncio.sleep(self._delay)
        if not self._trap.frozen:
            return await super().send(call)
        is_the_write, self._holds_write = self._holds_write, False
        await asyncio.sleep(_FREEZE)
        if is_the_write and call.subresource == "status":
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONG_FREEZE - _FREEZE):
                    await self._trap.thaw.wait()
        if is_the_write:
            with suppress(ConflictError, MissingError, RefusedError):
                await super().send(call)
        raise LeaseLostError("somebody else has it by now")


class Life:
    """A started operator; `is_dead` tells when it has ended."""

    def __init__(
        self,
        server: ApiServer,
        mirror: Mirror,
        namespace: str,
        *,
        kill: Kill | None,
        clock: Clock,
        ask_router: AskRouter,
        note: Note,
        is_laggard: bool = False,
        settings: Settings = SETTINGS,
    ) -> None:
        self.is_laggard = is_laggard
        self.trap = Trap(kill, note)
        self._mirror = mirror
        self._namespace = namespace
        self._client = ApiClient(_configuration(server, mirror.operators))
        around = Surroundings(
            hooks=self.trap,
            clock=clock,
            pace=clock.pace,
            ask_router=ask_router,
            writes_per_second=1000,
            writes_at_once=1000,
        )
        self._engine = Engine(
            api=FreezingApi(self._client, self.trap, _SLOW if is_laggard else 0.0),
            fence=self.trap,
            namespaces=(namespace,),
            settings=settings,
            around=around,
        )
        self._filled = False
        self.raised: list[str] = []
        """Errors of looks that no fault of the API server explains: bugs."""
        look = self._engine.queue._look

        async def watched(key: ObjectKey) -> timedelta | None:
            try:
                return await look(key)
            except (TransientError, LeaseLostError):
                raise
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{Path(last.filename).name}:{last.lineno}"
                self.raised.append(f"{key.kind} {key.name}: {error!r} at {where}")
                raise

        self._engine.queue._look = watched
        self._task = asyncio.create_task(self._run())

    def is_idle(self) -> bool:
        """Return whether it has nothing to do now."""
        doomed = self.trap.dead or self.trap.deposed or self.trap.frozen
        return self._filled and not doomed and self._engine.queue.is_idle()

    async def audit(self) -> None:
        """List everything and look at everything, as it does every few minutes."""
        if self._filled and not self.is_dead():
            await self._engine.audit.fill()

    def is_dead(self) -> bool:
        """Return whether it has ended."""
        return self._task.done()

    async def end(self) -> None:
        """Stop it, if nothing else has."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        unlisten: Callable[[], None] = lambda: None  # noqa: E731 - nothing to end yet
        try:
            unlisten = self._mirror.listen(self._namespace, self._hear)
            await self._engine.audit.fill()
            self._filled = True
            await self._engine.queue.run()
        except* (DeadError, LeaseLostError):
            logging.getLogger(__name__).debug("dead in %s", self._namespace)
        finally:
            unlisten()
            await self._client.close()  # type: ignore[no-untyped-call]

    def _hear(self, event: Mapping[str, Any]) -> None:
        body = event["object"]
        labels = body["metadata"].get("labels") or {}
        if body["kind"] in KINDS and self.is_laggard:
            # Watches of different kinds owe each other nothing.
            asyncio.get_running_loop().call_later(_LATE, self._engine.hear, event)
        elif body["kind"] in KINDS:
            self._engine.hear(event)
        elif body["kind"] != "Secret" and labels.get(MANAGED_BY) == FIELD_MANAGER:
            # What kopf is told to select on the server.
            self._engine.hear(event)


def _configuration(server: ApiServer, connector: aiohttp.TCPConnector) -> Configuration:
    configuration = Configuration(host=server.url)
    configuration.ssl_ca_cert = str(server.authority)
    configuration.api_key["BearerToken"] = "Bearer operator"
    # Whether the environment names a proxy would be asked anew, in a thread, for every call.
    configuration.client_session_kwargs = {"connector": connector, "trust_env": False}
    return configuration
