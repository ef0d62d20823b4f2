"""What a TrainingRun needs next."""

from __future__ import annotations

from datetime import datetime

from comal_operator.core.plan import Manifest, Plan, Seen, Settings
from comal_operator.core.training.relevant import RELEVANT

__all__ = ["RELEVANT", "plan_training_run"]


def plan_training_run(run: Manifest, seen: Seen, *, now: datetime, settings: Settings) -> Plan:
    """Decide what `run` needs, given what was `seen`; no I/O, no clock, no randomness."""
    raise NotImplementedError
