"""A TrainingRun's status: what `kubectl get` and `kubectl wait` read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from comal_operator.api.training_run_status import TrainingRunStatus
from comal_operator.core.conditions import condition, find, merge, timestamp
from comal_operator.core.plan import Manifest, Plan, Ref, Seen, WriteStatus
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.default_image import remembered
from comal_operator.core.training.look import Facts, Look, State
from comal_operator.core.training.untold import NOTIFIED, untold
from comal_operator.core.training.verdict import Verdict, short

_FIELDS = {field.alias or name for name, field in TrainingRunStatus.model_fields.items()}
# What other moments than this one have written, and the cluster may have forgotten.
_KEPT = ("images", "data", "sweep", "profile")
_OURS = (
    *("Ready", "Reconciling", "Stalled", "Complete", "Failed", "Suspended"),
    *("GatePassed", "Registered", NOTIFIED),
)
_AT_REST = ("Complete", "Cancelled", "Suspended")


def status_of(look: Look, state: State, also: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the whole status; times that are known stay as they were written.

    `also` is a condition that does not follow from `state`.
    """
    facts, old = state.facts, look.run.get("status") or {}
    generation = look.run["metadata"]["generation"]
    said = [*_conditions(look, state), *([also] if also else ())]
    conditions = merge(old.get("conditions") or (), said, generation=generation, now=look.now)
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "startTime": old.get("startTime") or timestamp(look.now),
        "completionTime": timestamp(look.now) if state.is_final else None,
        "trainerImage": remembered(look, state),
        "activeStep": state.active_step,
        "metric": _metric(look, facts),
        "metrics": dict(facts.metrics) if facts.metrics else None,
        "steps": facts.memory.get("steps", [step.to_wire() for step in look.steps]),
        "interruptions": sum(step.interruptions or 0 for step in look.steps) or None,
        **{name: facts.memory.get(name, old.get(name)) for name in _KEPT},
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


def follow(run: Manifest) -> Plan | None:
    """Return how an ended run takes note of a changed ttl; None once it has.

    Nothing else follows from it, but readers of observedGeneration would wait for ever.
    """
    status, generation = run["status"], run["metadata"]["generation"]
    if status.get("observedGeneration") == generation:
        return None
    said = [{**one, "observedGeneration": generation} for one in _ours(status)]
    return _rewritten(run, {"observedGeneration": generation, "conditions": said})


def told_late(run: Manifest, seen: Seen, now: datetime) -> Plan | None:
    """Return how an ended run says which webhooks were not told; None when there is no news."""
    missed, status = untold(run, seen), run["status"]
    if missed is None:
        return None
    [missed] = merge(
        status["conditions"], [missed], generation=status["observedGeneration"], now=now
    )
    if find(status["conditions"], NOTIFIED) == missed:
        return None
    rest = [one for one in _ours(status) if one["type"] != NOTIFIED]
    return _rewritten(run, {"conditions": [*rest, missed]})


def _ours(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for one in status["conditions"] if one["type"] in _OURS]


def _rewritten(run: Manifest, changed: Mapping[str, Any]) -> Plan:
    """Return how the status of an ended run is what it was, but for what is `changed`."""
    kept = {key: value for key, value in run["status"].items() if key in _FIELDS}
    status = {**kept, **changed}
    return Plan((WriteStatus(Ref.of(run), run["metadata"]["resourceVersion"], status),))


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
    # Whoever cancelled or suspended it wanted that: nothing is wrong, and nothing became of it.
    said = [condition("Ready", state.kind in _AT_REST, reason, message)]
    if state.kind == "Going":
        said.append(condition("Reconciling", True, reason, message))
    if state.kind in ("Stalled", "Failed"):
        said.append(condition("Stalled", True, reason, message))
    if state.kind == "Suspended":
        said.append(condition("Suspended", True, reason, message))
    if state.is_final:
        end = "Failed" if state.kind == "Cancelled" else state.kind
        said.append(condition(end, True, reason, message))
    if verdict is not None:
        said.append(condition("GatePassed", verdict.passed, verdict.reason, verdict.message))
    if look.spec.register_ is not None and state.is_final:
        made = state.facts.version is not None
        why = RunReason.REGISTERED if made else reason
        said.append(condition("Registered", made, why, message))
    return said


def _metric(look: Look, facts: Facts) -> str | None:
    metrics = facts.metrics or {}
    name = look.spec.gate.metric if look.spec.gate else min(metrics, default="")
    return f"{name}={short(metrics[name])}" if name in metrics else None


def _gate(look: Look, facts: Facts) -> dict[str, Any] | None:
    if look.spec.gate is None:
        return None
    old = facts.memory.get("gate", (look.run.get("status") or {}).get("gate")) or {}
    # What was chosen to be measured is remembered, whatever comes of it.
    kept = {name: old[name] for name in ("measured", "evaluations") if name in old}
    if facts.verdict is None:
        if "measured" in kept:
            kept["baseline"] = {"version": kept["measured"], "measure": "SameData"}
        return {"decision": "Pending", **kept}
    return {**gate_record(look.spec.gate.metric, facts.verdict), **kept}


def gate_record(metric: str, verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as status.gate says it."""
    found: dict[str, Any] = {"decision": "Passed" if verdict.passed else "Rejected"}
    if verdict.candidate is not None:
        found["candidate"] = verdict.candidate
    if verdict.baseline is not None:
        said = {
            "version": verdict.baseline.version,
            "value": verdict.baseline.metrics.get(metric),
            "measure": verdict.baseline.measure,
        }
        found["baseline"] = {key: value for key, value in said.items() if value is not None}
    if verdict.comparison:
        found["comparison"] = [row.to_wire() for row in verdict.comparison]
    return found
