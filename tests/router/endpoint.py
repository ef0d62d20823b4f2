"""An endpoint in the middle of a rollout, as its routers see it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.handling import Handling, Role
from router.scorers import Scorer

EVERYBODY = {"a1", "b2", "last-resort"}


class Endpoint:
    """Three stable Pods, two of the candidate and the stable revision's ClusterIP."""

    def __init__(self, scorers: Callable[[str], Scorer], stable: int = 3) -> None:
        self.stable = [scorers("stable") for _ in range(stable)]
        self.candidate = [scorers("candidate") for _ in range(2)]
        self.cluster_ip = scorers("last")

    def routing(self, percent: str | None, handling: Handling | None = None) -> Routing:
        """Return the routing that gives the candidate `percent`; none: it is not there."""
        rest = str(100 - Decimal(percent or 0))
        stable = tuple(one.address for one in self.stable)
        backends = [Backend("a1", rest, stable, Role.STABLE, "diabetes-v1")]
        if percent is not None:
            candidate = tuple(one.address for one in self.candidate)
            backends.append(Backend("b2", percent, candidate, Role.CANDIDATE, "diabetes-v2"))
        return Routing(
            "diabetes", tuple(backends), self.cluster_ip.address, 5.0, handling or Handling()
        )
