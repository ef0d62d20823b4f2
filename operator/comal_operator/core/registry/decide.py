"""What a ModelRegistry needs next."""

from __future__ import annotations

from datetime import datetime

from comal_operator.core.plan import Manifest, Plan, Seen, Settings
from comal_operator.core.registry.relevant import MODEL_REGISTRY as RELEVANT

__all__ = ["RELEVANT", "plan_model_registry"]


def plan_model_registry(
    registry: Manifest, seen: Seen, *, now: datetime, settings: Settings
) -> Plan:
    """Decide what `registry` needs, given what was `seen`; no I/O, no clock, no randomness."""
    raise NotImplementedError
