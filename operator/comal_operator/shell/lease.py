"""One replica writes: a Lease that fences, unlike the packages' own elections.

Times as in client-go. All measuring is by the monotonic clock; what others wrote into the Lease is
only compared for change, so clocks may differ between nodes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from comal_operator.core.names import FIELD_MANAGER, labels
from comal_operator.shell import metrics
from comal_operator.shell.api import Api, Call
from comal_operator.shell.faults import ApiFaultError, LeaseLostError, MissingError
from comal_operator.shell.resources import RESOURCES

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LeaseTimes:
    """Seconds: others wait `duration`; the holder renews each `retry`, stops writing at `valid`."""

    duration: float = 15.0
    valid: float = 10.0
    retry: float = 2.0
    deadline: float = 3.0


class Lease:
    """Holds the installation's one Lease, or waits for it."""

    def __init__(
        self, api: Api, *, namespace: str, identity: str, times: LeaseTimes | None = None
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._identity = identity
        self._times = times or LeaseTimes()
        self._renewed_at: float | None = None
        self._lease: Mapping[str, Any] | None = None
        self._changed_at = 0.0
        self._held = asyncio.Event()

    def remaining(self) -> float:
        """Return the seconds in which a write must be over; raise LeaseLostError past them."""
        now = time.monotonic()
        if self._renewed_at is None or now >= self._renewed_at + self._times.valid:
            raise LeaseLostError("this replica does not hold the Lease")
        # A write that arrives after this could meet the next holder's.
        return self._renewed_at + self._times.duration - now

    async def held(self) -> None:
        """Return when this replica holds the Lease."""
        await self._held.wait()

    async def run(self) -> None:
        """Get the Lease and keep it; raise LeaseLostError when it is lost."""
        while True:
            # The validity counts from before the call: the answer may have been long under way.
            started = time.monotonic()
            try:
                renewed = await self._try()
            except ApiFaultError as fault:
                log.warning("lease: %s", fault)
                renewed = False
            if renewed:
                self._renewed_at = started
                if not self._held.is_set():
                    log.info("lease: held by %s", self._identity)
                self._held.set()
            elif self._held.is_set():
                self.remaining()
            metrics.LEASE_HELD.set(self._held.is_set())
            await asyncio.sleep(max(0.0, started + self._times.retry - time.monotonic()))

    async def release(self) -> None:
        """Give the Lease to whoever comes first, and write no more."""
        if self._renewed_at is None or self._lease is None:
            return
        self._renewed_at = None
        self._held.clear()
        metrics.LEASE_HELD.set(0)
        await self._put(self._lease, {"holderIdentity": "", "leaseDurationSeconds": 1})

    async def _try(self) -> bool:
        if self._lease is None or not self._held.is_set():
            seen = await self._get()
            if seen is None:
                self._lease = await self._create()
                return True
            if seen.get("spec") != (self._lease or {}).get("spec"):
                self._changed_at = time.monotonic()
            self._lease = seen
            if not self._is_free(seen.get("spec") or {}):
                return False
        try:
            self._lease = await self._put(self._lease, self._claim(self._lease.get("spec") or {}))
        except ApiFaultError:
            await self._look_whose()
            raise
        return True

    async def _look_whose(self) -> None:
        """After an answer that said no or nothing, learn what the Lease says now."""
        seen = await self._get()
        if seen is not None and (seen.get("spec") or {}).get("holderIdentity") != self._identity:
            if self._held.is_set():
                raise LeaseLostError("another replica holds the Lease")
            return
        self._lease = seen

    def _is_free(self, spec: Mapping[str, Any]) -> bool:
        if spec.get("holderIdentity") in (None, "", self._identity):
            return True
        return time.monotonic() >= self._changed_at + self._times.duration

    def _claim(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = spec.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._times.duration)),
            "acquireTime": spec.get("acquireTime") or now if mine else now,
            "renewTime": now,
            "leaseTransitions": int(spec.get("leaseTransitions") or 0) + (not mine),
        }

    async def _get(self) -> Mapping[str, Any] | None:
        try:
            return await self._call("get", name=FIELD_MANAGER)
        except MissingError:
            return None

    async def _create(self) -> Mapping[str, Any]:
        metadata = {"name": FIELD_MANAGER, "labels": labels("operator")}
        return await self._call("create", body=_lease(metadata, self._claim({})))

    async def _put(self, lease: Mapping[str, Any], spec: Mapping[str, Any]) -> Mapping[str, Any]:
        meta = lease["metadata"]
        # The resourceVersion lets exactly one of two candidates win.
        metadata = {
            "name": meta["name"],
            "resourceVersion": meta["resourceVersion"],
            "labels": meta.get("labels") or {},
        }
        body = _lease(metadata, {**(lease.get("spec") or {}), **spec})
        return await self._call("update", name=FIELD_MANAGER, body=body)

    async def _call(self, verb: str, *, name: str = "", body: Any = None) -> dict[str, Any]:
        return await self._api.read(
            Call(
                verb=verb,
                resource=RESOURCES["Lease"],
                namespace=self._namespace,
                name=name,
                body=body,
                deadline=self._times.deadline,
            )
        )


def _lease(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": dict(metadata),
        "spec": dict(spec),
    }
