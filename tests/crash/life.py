"""One life of the operator in one namespace: the real shell and decisions, killed at a write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from apiserver.server import ApiServer
from comal_operator.core.names import FIELD_MANAGER, MANAGED_BY
from comal_operator.core.plan import Ref, Settings
from comal_operator.shell.api import Api
from comal_operator.shell.engine import Engine, Surroundings
from comal_operator.shell.faults import LeaseLostError, TransientError
from comal_operator.shell.hooks import Hooks
from comal_operator.shell.kinds import KINDS
from comal_operator.shell.questions import AskRouter
from crash.cluster import Mirror

# Seconds of a plan that pass in one of ours.
PACE = 10.0

SETTINGS = Settings(
    operator_namespace="comal-system",
    trainer_image="localhost/comal/trainer:test",
    scorer_image="localhost/comal/scorer:test",
    router_image="localhost/comal/router:test",
    registry_image="localhost/comal/registry:test",
)


class When(StrEnum):
    """What happens to the operator at its n-th write."""

    BEFORE = "before"  # killed, nothing sent
    AFTER = "after"  # killed, the write stands
    LOST = "lost"  # lives on, but never hears that the write stands
    DEPOSED = "deposed"  # loses the Lease just before sending, and lives on
    TWINS = "twins"  # nothing; but another one works beside it all the time, as if without a Lease


@dataclass(frozen=True)
class Kill:
    """Where an operator dies."""

    write: int
    when: When


class DeadError(BaseException):
    """The operator was killed here: passes every handler, as SIGKILL would."""


@dataclass
class Trap(Hooks):
    """Counts the writes of one life, and springs at one of them."""

    kill: Kill | None = None
    writes: list[tuple[str, Ref]] = field(default_factory=list)
    dead: bool = False
    deposed: bool = False
    too_late: set[int] = field(default_factory=set)
    stale_writes: int = 0
    sprung: bool = False

    def before(self, number: int, verb: str, ref: Ref) -> None:  # noqa: ARG002 - a hook's
        """Die here if that is planned."""
        if self.dead:
            raise DeadError
        if self._is_it(number):
            if self.kill and self.kill.when == When.BEFORE:
                self._die()
            if self.kill and self.kill.when == When.DEPOSED:
                self.deposed = self.sprung = True
        if self.deposed:
            self.too_late.add(number)

    def after(self, number: int, verb: str, ref: Ref) -> None:
        """Die here, or lose the answer, if that is planned."""
        self.writes.append((verb, ref))
        self.stale_writes += number in self.too_late
        if self.dead:
            raise DeadError
        if self._is_it(number):
            if self.kill and self.kill.when == When.AFTER:
                self._die()
            if self.kill and self.kill.when == When.LOST:
                self.sprung = True
                raise TransientError("the answer was lost")

    def remaining(self) -> float:
        """Be the fence too: whoever was deposed may not write."""
        if self.deposed:
            raise LeaseLostError("deposed")
        return 10.0

    def _is_it(self, number: int) -> bool:
        return self.kill is not None and number == self.kill.write

    def _die(self) -> None:
        self.dead = self.sprung = True
        raise DeadError


@dataclass(frozen=True)
class Clock:
    """The time that decisions see: it runs PACE times as fast."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        """Return the time now."""
        passed = datetime.now(UTC) - self.started
        return self.started + timedelta(seconds=passed.total_seconds() * PACE)


class Life:
    """A started operator; `wait` returns when it is dead."""

    def __init__(
        self,
        server: ApiServer,
        mirror: Mirror,
        namespace: str,
        *,
        kill: Kill | None,
        clock: Clock,
        ask_router: AskRouter,
    ) -> None:
        self.trap = Trap(kill)
        self._mirror = mirror
        self._namespace = namespace
        self._client = ApiClient(_configuration(server))
        around = Surroundings(
            hooks=self.trap,
            clock=clock,
            pace=PACE,
            ask_router=ask_router,
            writes_per_second=1000,
            writes_at_once=1000,
        )
        self._engine = Engine(
            api=Api(self._client),
            fence=self.trap,
            namespaces=(namespace,),
            settings=SETTINGS,
            around=around,
        )
        self._filled = False
        self._task = asyncio.create_task(self._run())

    def is_idle(self) -> bool:
        """Return whether it has nothing to do now."""
        doomed = self.trap.dead or self.trap.deposed
        return self._filled and not doomed and self._engine.queue.is_idle()

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
        # What kopf is told to select on the server.
        if body["kind"] in KINDS or (
            body["kind"] != "Secret" and labels.get(MANAGED_BY) == FIELD_MANAGER
        ):
            self._engine.hear(event)


def _configuration(server: ApiServer) -> Configuration:
    configuration = Configuration(host=server.url)
    configuration.ssl_ca_cert = str(server.authority)
    configuration.api_key["BearerToken"] = "Bearer operator"
    return configuration
