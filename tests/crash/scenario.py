"""One story: what people do, when, and how one knows that it is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from comal_operator.api.meta import API_VERSION
from comal_operator.core.conditions import is_true
from crash.cluster import Body, Cluster, Mirror
from crash.recorder import Recorder
from crash.standin.jobs import Script


@dataclass(frozen=True)
class Stage:
    """One namespace, as people see it and act in it."""

    cluster: Cluster
    mirror: Mirror
    namespace: str

    def get(self, kind: str, name: str) -> Body | None:
        """Return the object, or None."""
        return self.mirror.get(kind, self.namespace, name)

    def all(self, kind: str) -> list[Body]:
        """Return the objects of a kind, by name."""
        return list(self.mirror.all(self.namespace, kind))

    def condition(self, kind: str, name: str, condition: str) -> bool:
        """Return whether that condition of that object is True."""
        body = self.get(kind, name) or {}
        return is_true((body.get("status") or {}).get("conditions"), condition)

    def has_ended(self, run: str) -> bool:
        """Return whether the TrainingRun is over."""
        ends = ("Complete", "Failed")
        return any(self.condition("TrainingRun", run, one) for one in ends)

    async def create(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        """Create an object of ours."""
        meta = {"name": name, "namespace": self.namespace}
        await self.cluster.create(
            {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}
        )

    async def change(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        """Merge-patch the spec of an object of ours."""
        body = self.get(kind, name)
        assert body is not None, f"{kind} {name} is not there"
        await self.cluster.merge(body, {"spec": spec})

    async def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        body = self.get(kind, name)
        assert body is not None, f"{kind} {name} is not there"
        await self.cluster.delete(body)


def at_once(_: Stage) -> bool:
    """Return True: a move that waits for nothing."""
    return True


@dataclass(frozen=True)
class Move:
    """What somebody does as soon as `when` holds."""

    do: Callable[[Stage], Awaitable[None]]
    when: Callable[[Stage], bool] = at_once


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Moves in order, then the goal; `judge` says what is wrong with an end that may differ."""

    name: str
    moves: tuple[Move, ...]
    goal: Callable[[Stage], bool]
    script: Script = field(default_factory=Script)
    judge: Callable[[Stage, Recorder], str] | None = None
