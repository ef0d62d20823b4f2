"""Go-style durations, as people write them in Kubernetes manifests."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")


def parse_duration(text: str) -> timedelta:
    """Return the length of time that `text` such as `1h30m` names; the CRD checked its shape."""
    return timedelta(seconds=sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(text)))


def sooner(*times: timedelta | None) -> timedelta | None:
    """Return the first of `times` to come, None if none does."""
    return min((time for time in times if time is not None), default=None)
