"""Where a version came from: code, images, data, and what it was compared with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict

from comal_operator.api import model_version as api
from comal_operator.api.training_gate import Gate
from comal_operator.api.training_run_status import DataStatus, StepStatus, TrainingRunStatus
from comal_operator.core.reasons import GateReason
from comal_operator.core.training.look import Look
from comal_operator.core.training.status import gate_record
from comal_operator.core.training.sweep_trials import run_of
from comal_operator.core.training.verdict import Baseline, Verdict
from comal_trainer.contract import ContractError, Registered
from comal_trainer.contract.statistics import Column, Statistics

_WEB = re.compile(r"(https?://)(?:[^/?#]*@)?([^?#]*)")
_NUMBERS = ("mean", "std", "min", "max")


def lineage(look: Look, verdict: Verdict | None) -> api.Lineage:
    """Return what can be told of the model that `look`'s run registers now."""
    meta, spec = look.run["metadata"], look.spec
    steps, data = _trained(look)
    images = [api.StepImage(step=step.name, image=step.image) for step in steps if step.image]
    return api.Lineage(
        run=api.RunReference(name=meta["name"], uid=meta["uid"]),
        experiment=spec.experiment,
        source=spec.source,
        images=tuple(images),
        data=_places(look, data),
        gate=_record(spec.gate, verdict),
    )


def _places(look: Look, found: Sequence[DataStatus]) -> tuple[api.TrainedOn, ...]:
    places = {source.name: _bare(source.uri) for source in look.spec.data}
    return tuple(api.TrainedOn(**one.model_dump(), uri=places.get(one.name)) for one in found)


def _bare(uri: str) -> str:
    """Return the address without what may be a login: a signed URL carries it in its query."""
    found = _WEB.match(uri)
    return "".join(found.groups()) if found else uri


def _trained(look: Look) -> tuple[tuple[StepStatus, ...], tuple[DataStatus, ...]]:
    """Return the steps that trained the model and their data: of a sweep, the best trial's."""
    sweep = look.status.sweep
    chosen = next((t for t in sweep.trials if t.number == sweep.best), None) if sweep else None
    if chosen is None:
        return look.steps, look.status.data
    run = run_of(chosen, look.run, look.seen)
    status = TrainingRunStatus.model_validate((run or {}).get("status") or {})
    return status.steps, status.data


def verdict_of(version: api.ModelVersion) -> Verdict | None:
    """Return the verdict under which `version` was registered; None where there was no gate."""
    record = version.spec.lineage.gate
    if record is None:
        return None
    beaten, name = None, version.spec.primary_metric or ""
    if record.baseline is not None:
        value = record.baseline.value
        metrics = {} if value is None else {name: value}
        measure = record.baseline.measure or "Recorded"
        beaten = Baseline(record.baseline.version, metrics, measure)
    return Verdict(
        record.decision == "Passed",
        GateReason(record.reason),
        record.message,
        record.candidate,
        beaten,
        record.comparison,
    )


def signatures(pushed: Registered) -> api.Signatures | None:
    """Return what was signed; None where nothing was."""
    found = {
        one.of: api.SignedFile(path=one.path, hmac_sha256=one.hmac, sha256=one.sha256)
        for one in pushed.signatures
        if one.of in api.Signatures.model_fields
    }
    return api.Signatures.model_validate(found) if found else None


def data_statistics(pushed: Registered) -> api.DataStatistics | None:
    """Return what the data was like; None where nothing that can be read describes it."""
    if not pushed.statistics:
        return None
    try:
        found = Statistics.unpacked(pushed.statistics)
    except ContractError:
        return None
    columns = [
        {name: value for name, value in asdict(column).items() if value != ""}
        for column in found.columns
    ]
    return api.DataStatistics.model_validate({"rows": found.rows, "columns": columns})


def newest_statistics(versions: Sequence[api.ModelVersion]) -> str | None:
    """Return the file of statistics that a run's data is compared with, from the newest version."""
    numbered = sorted(versions, key=lambda version: int(version.spec.version), reverse=True)
    kept = next((v.spec.data_statistics for v in numbered if v.spec.data_statistics), None)
    if kept is None:
        return None
    columns = tuple(
        Column(one.name, one.nulls, *(getattr(one, name) or "" for name in _NUMBERS))
        for one in kept.columns
    )
    return Statistics(kept.rows, columns).to_json()


def _record(gate: Gate | None, verdict: Verdict | None) -> api.GateRecord | None:
    if gate is None or verdict is None:
        return None
    said = gate_record(gate.metric, verdict)
    return api.GateRecord.model_validate(
        {**said, "reason": str(verdict.reason), "message": verdict.message[:1024]}
    )
