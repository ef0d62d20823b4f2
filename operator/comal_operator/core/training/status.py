"""A TrainingRun's status: what `kubectl get` and `kubectl wait` read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comal_operator.api.training_run_status import TrainingRunStatus
from comal_operator.core.conditions import condition, merge, timestamp
from comal_operator.core.plan import Manifest
from comal_operator.core.training.gate import short
from comal_operator.core.training.look import Facts, Look, State

_FIELDS = {field.alias or name for name, field in TrainingRunStatus.model_fields.items()}
_OURS = ("Ready", "Reconciling", "Stalled", "Complete", "Failed", "GatePassed", "Registered")


def status_of(look: Look, state: State) -> dict[str, Any]:
    """Return the whole status; times that are known stay as they were written."""
    facts, old = state.facts, look.run.get("status") or {}
    generation = look.run["metadata"]["generation"]
    conditions = merge(
        old.get("conditions") or (), _conditions(look, state), generation=generation, now=look.now
    )
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "startTime": old.get("startTime") or timestamp(look.now),
        "completionTime": timestamp(look.now) if state.is_final else None,
        "activeStep": state.active_step,
        "metric": _metric(look, facts),
        "metrics": dict(facts.metrics) if facts.metrics else None,
        "steps": [step.to_wire() for step in look.steps],
        "gate": _gate(look, facts),
        "modelVersion": facts.version,
        "conditions": conditions,
    }
    return {key: value for key, value in status.items() if value is not None}


def invalid_status(run: Manifest, reason: str, message: str, now: Any) -> dict[str, Any]:
    """Return the status of a run whose body does not parse: only a person can help."""
    old, generation = run.get("status") or {}, run["metadata"]["generation"]
    said = [condition("Ready", False, reason, message), condition("Stalled", True, reason, message)]
    merged = merge(old.get("conditions") or (), said, generation=generation, now=now)
    return {"observedGeneration": generation, "conditions": merged}


def is_written(status: Mapping[str, Any], live: Mapping[str, Any] | None) -> bool:
    """Return whether `live` says all that `status` says, and of our fields nothing else."""
    live = live or {}
    rest = {k: v for k, v in live.items() if k in _FIELDS and k != "conditions"}
    if rest != {key: value for key, value in status.items() if key != "conditions"}:
        return False
    there = {c["type"]: c for c in live.get("conditions") or () if c["type"] in _OURS}
    return there == {c["type"]: c for c in status["conditions"]}


def _conditions(look: Look, state: State) -> list[dict[str, Any]]:
    reason, message, verdict = state.reason, state.message, state.facts.verdict
    said = [condition("Ready", state.kind == "Complete", reason, message)]
    if state.kind == "Going":
        said.append(condition("Reconciling", True, reason, message))
    if state.kind in ("Stalled", "Failed"):
        said.append(condition("Stalled", True, reason, message))
    if state.is_final:
        said.append(condition(state.kind, True, reason, message))
    if verdict is not None:
        said.append(condition("GatePassed", verdict.passed, verdict.reason, verdict.message))
    if look.spec.register_ is not None and state.is_final:
        said.append(condition("Registered", state.facts.version is not None, reason, message))
    return said


def _metric(look: Look, facts: Facts) -> str | None:
    metrics = facts.metrics or {}
    name = look.spec.gate.metric if look.spec.gate else min(metrics, default="")
    return f"{name}={short(metrics[name])}" if name in metrics else None


def _gate(look: Look, facts: Facts) -> dict[str, Any] | None:
    if look.spec.gate is None:
        return None
    verdict = facts.verdict
    if verdict is None:
        return {"decision": "Pending"}
    found: dict[str, Any] = {"decision": "Passed" if verdict.passed else "Rejected"}
    if verdict.candidate is not None:
        found["candidate"] = verdict.candidate
    if verdict.baseline is not None:
        found["baseline"] = {"version": verdict.baseline.version, "value": verdict.baseline.value}
    return found
