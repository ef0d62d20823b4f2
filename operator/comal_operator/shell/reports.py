"""What running steps reported, newest only: in memory, as the next report is seconds away."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from comal_operator.core.plan import Heard
from comal_trainer.contract.progress import Report

# A report that is told again comes from the same moment, but for its way here.
_SAME = timedelta(seconds=2)
# Live Pods are far fewer; a bound all the same, should a watch miss that one went.
_MOST = 10_000


class Reports:
    """The newest report by Pod uid."""

    def __init__(self, clock: Callable[[], datetime], *, most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._heard: OrderedDict[str, Heard] = OrderedDict()

    def keep(self, pod_uid: str, report: Report) -> bool:
        """Keep `report` in the place of what that Pod said before; return whether it is news."""
        at = self._clock() - timedelta(seconds=report.age_seconds)
        report = replace(report, age_seconds=0.0)
        before = self._heard.get(pod_uid)
        if before is not None and before.report == report and at - before.at < _SAME:
            self._heard.move_to_end(pod_uid)
            return False
        since = before.since if before else None
        if since is None and report.percent is not None:
            since = (report.percent, at)
        self._heard[pod_uid] = Heard(report, at, since)
        self._heard.move_to_end(pod_uid)
        if len(self._heard) > self._most:
            self._heard.popitem(last=False)
        return True

    def of(self, pod_uid: str) -> Heard | None:
        """Return the newest report of a Pod."""
        return self._heard.get(pod_uid)

    def drop(self, pod_uid: str) -> None:
        """Forget a Pod that is gone."""
        self._heard.pop(pod_uid, None)
