"""The parts of the shell put together: everything but kopf, the Lease and the process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from comal_operator.core.plan import Settings
from comal_operator.shell.api import Api
from comal_operator.shell.audit import Audit
from comal_operator.shell.bucket import Bucket
from comal_operator.shell.cache import Cache
from comal_operator.shell.carry_out import Deeds
from comal_operator.shell.gateway import Fence, Gateway
from comal_operator.shell.hearing import Hearing
from comal_operator.shell.hooks import Hooks
from comal_operator.shell.kinds import KINDS, Kinds
from comal_operator.shell.pod_tokens import PodTokens
from comal_operator.shell.progress import ProgressServer
from comal_operator.shell.questions import Answers, AskRouter
from comal_operator.shell.queue import WorkQueue
from comal_operator.shell.reconcile import Reconciler
from comal_operator.shell.reports import Reports
from comal_operator.shell.router import AskRouters
from comal_operator.shell.world import World
from comal_trainer.contract.progress import AUDIENCE


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What tests put in the place of the real thing; the defaults are the real thing."""

    kinds: Kinds = field(default_factory=lambda: KINDS)
    hooks: Hooks = field(default_factory=Hooks)
    ask_router: AskRouter = field(default_factory=AskRouters)
    clock: Callable[[], datetime] = _utc_now
    pace: float = 1.0
    writes_per_second: float = 20.0
    writes_at_once: int = 40


class Engine:
    """Hears events, queues keys, looks and writes for some namespaces (none: all)."""

    def __init__(
        self,
        *,
        api: Api,
        fence: Fence,
        namespaces: Iterable[str],
        settings: Settings,
        around: Surroundings,
    ) -> None:
        bucket = Bucket(per_second=around.writes_per_second, burst=around.writes_at_once)
        cache = Cache()
        gateway = Gateway(api, fence=fence, hooks=around.hooks, bucket=bucket)
        world = World(cache, gateway, around.kinds, watch_nodes=settings.watch_nodes)
        reports = Reports(around.clock)
        reconciler = Reconciler(
            kinds=around.kinds,
            world=world,
            deeds=Deeds(gateway, world),
            answers=Answers(gateway, reports, around.ask_router, cache),
            settings=settings,
            clock=around.clock,
        )
        self.queue = WorkQueue(reconciler, pace=around.pace)
        self.hear = Hearing(cache, world, reports, self.queue.add)
        self.progress = ProgressServer(
            tokens=PodTokens(api, audience=AUDIENCE),
            cache=cache,
            reports=reports,
            wake=self.queue.add,
        )
        self.audit = Audit(
            gateway=gateway,
            cache=cache,
            world=world,
            kinds=around.kinds,
            namespaces=namespaces,
            wake=self.queue.add,
            watch_nodes=settings.watch_nodes,
        )
