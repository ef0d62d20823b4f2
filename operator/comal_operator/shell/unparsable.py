"""What to say of an object whose body does not parse: only a person can help."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError

from comal_operator.core.conditions import condition, merge
from comal_operator.core.plan import Manifest, Plan, Ref, WriteStatus


def stalled(obj: Manifest, error: ValidationError, now: datetime) -> Plan:
    """Return a plan that says so in the conditions and keeps the rest of the status."""
    meta, status = obj["metadata"], obj.get("status") or {}
    said = [
        condition("Ready", False, "InvalidSpec", _sentence(error)),
        condition("Stalled", True, "InvalidSpec", _sentence(error)),
    ]
    before = status.get("conditions") or []
    conditions = merge(before, said, generation=meta.get("generation", 0), now=now)
    if conditions == before:
        return Plan()
    wanted = {**status, "observedGeneration": meta.get("generation", 0), "conditions": conditions}
    return Plan(actions=(WriteStatus(Ref.of(obj), meta["resourceVersion"], wanted),))


def _sentence(error: ValidationError) -> str:
    faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return f"The manifest cannot be read: {'; '.join(faults)}. Correct it and apply it again."
