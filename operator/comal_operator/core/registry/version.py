"""What a ModelVersion needs next: its aliases settled and its readiness said."""

from __future__ import annotations

from datetime import datetime

from comal_operator.core.plan import Manifest, Plan, Seen, Settings
from comal_operator.core.registry.relevant import MODEL_VERSION as RELEVANT

__all__ = ["RELEVANT", "plan_model_version"]


def plan_model_version(version: Manifest, seen: Seen, *, now: datetime, settings: Settings) -> Plan:
    """Decide what `version` needs, given what was `seen`; no I/O, no clock, no randomness."""
    raise NotImplementedError
