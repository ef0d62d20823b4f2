"""What a ModelVersion needs next: its aliases settled, its readiness said, its record made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from comal_operator.core.children import differs
from comal_operator.core.conditions import condition, find, merge, timestamp
from comal_operator.core.plan import Action, Manifest, Plan, Ref, Seen, Settings, WriteStatus
from comal_operator.core.reasons import VersionReason
from comal_operator.core.registry.azure_record import Mirror, mirror
from comal_operator.core.registry.relevant import MODEL_VERSION as RELEVANT
from comal_operator.core.training.verdict import short

__all__ = ["RELEVANT", "alias_holder", "plan_model_version"]


def plan_model_version(version: Manifest, seen: Seen, *, now: datetime, settings: Settings) -> Plan:
    """Decide what `version` needs, given what was `seen`; no I/O, no clock, no randomness."""
    mirrored = mirror(version, seen, now, settings)
    status = _status(version, seen, mirrored, now)
    old = version.get("status", {})
    actions: list[Action] = [mirrored.create] if mirrored.create is not None else []
    if differs(status, old) or status.get("aliases", []) != list(old.get("aliases", [])):
        ref, meta = Ref.of(version), version["metadata"]
        actions.append(WriteStatus(ref, meta["resourceVersion"], status))
    return Plan(tuple(actions), requeue_after=mirrored.again)


def alias_holder(model: str, alias: str, seen: Seen) -> Manifest | None:
    """Return the version of `model` that has `alias`: of those that claim it, the latest to.

    A claim not yet dated by its own look counts as the newest there is; of equals, the higher
    number wins.
    """
    claims = [
        version
        for version in seen.all("ModelVersion")
        if version["spec"]["model"] == model and alias in version["spec"].get("aliases", ())
    ]
    return max(claims, key=lambda version: _claim(version, alias), default=None)


def _claim(version: Manifest, alias: str) -> tuple[str, int]:
    dated = version.get("status", {}).get("aliasTimes", {}).get(alias, "9999")
    return dated, int(version["spec"]["version"])


def _status(version: Manifest, seen: Seen, mirrored: Mirror, now: datetime) -> dict[str, Any]:
    spec, meta, old = version["spec"], version["metadata"], version.get("status", {})
    claimed = spec.get("aliases", ())
    dated: Mapping[str, str] = old.get("aliasTimes", {})
    held = [alias for alias in claimed if _holds(version, alias, seen)]
    said = _readiness(spec["registry"], seen)
    if mirrored.condition is not None:
        said.append(dict(mirrored.condition))
    status: dict[str, Any] = {
        "observedGeneration": meta["generation"],
        "aliasTimes": {alias: dated.get(alias, timestamp(now)) for alias in claimed},
        "aliases": held,
        "conditions": merge(
            old.get("conditions", ()), said, generation=meta["generation"], now=now
        ),
    }
    if mirrored.state is not None:
        status["azureML"] = dict(mirrored.state)
    name = spec.get("primaryMetric")
    if name in spec.get("metrics", {}):
        status["metric"] = f"{name}={short(spec['metrics'][name])}"
    return status


def _holds(version: Manifest, alias: str, seen: Seen) -> bool:
    holder = alias_holder(version["spec"]["model"], alias, seen)
    name = version["metadata"]["name"]
    return holder is None or holder["metadata"]["name"] == name


def _readiness(registry: str, seen: Seen) -> list[dict[str, Any]]:
    """Return Ready, and beside it what waits or what only a person mends."""
    live = seen.get("ModelRegistry", registry)
    if live is None:
        text = f"ModelRegistry {registry}, which holds the bytes, does not exist: make it again"
        said = VersionReason.REGISTRY_NOT_FOUND, text
        return [condition("Ready", False, *said), condition("Stalled", True, *said)]
    state = find(live.get("status", {}).get("conditions"), "Ready")
    if state is None or state.get("status") != "True":
        text = f"ModelRegistry {registry} is not ready: see its conditions"
        said = VersionReason.REGISTRY_NOT_READY, text
        return [condition("Ready", False, *said), condition("Reconciling", True, *said)]
    return [condition("Ready", True, VersionReason.REGISTERED, "the bytes can be read by digest")]
