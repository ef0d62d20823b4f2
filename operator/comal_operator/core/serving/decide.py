"""What a ModelDeployment needs next."""

from __future__ import annotations

from datetime import datetime

from comal_operator.core.plan import Manifest, Plan, Seen, Settings
from comal_operator.core.serving.relevant import RELEVANT

__all__ = ["RELEVANT", "plan_model_deployment"]


def plan_model_deployment(mdep: Manifest, seen: Seen, *, now: datetime, settings: Settings) -> Plan:
    """Decide what `mdep` needs, given what was `seen`; no I/O, no clock, no randomness."""
    raise NotImplementedError
