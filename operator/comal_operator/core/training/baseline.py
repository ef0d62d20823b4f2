"""Which registered versions a candidate must beat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from comal_operator.api.model_version import ModelVersion
from comal_operator.api.training_gate import Gate
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.training.verdict import Baseline, Opponents

_FIRST = "there is no registered version to beat"


def choose(gate: Gate, versions: Sequence[ModelVersion], seen: Seen) -> Opponents:
    """Return what the gate compares with, by what was recorded when it was registered.

    A version that recorded no number for the metric is passed over, unless the choice names it.
    """
    newest_first = sorted(versions, key=lambda version: int(version.spec.version), reverse=True)
    return _CHOICES[gate.baseline.select](gate, newest_first, seen)


def is_same_data(gate: Gate | None) -> bool:
    """Return whether the baseline is to be scored again on this run's data."""
    return (
        gate is not None
        and gate.baseline.measure == "SameData"
        and gate.baseline.select not in ("All", "None")
    )


def name_of(version: ModelVersion) -> str:
    """Return the name of the version's object."""
    return f"{version.spec.model}-v{version.spec.version}"


def _latest(gate: Gate, versions: Sequence[ModelVersion], _seen: Seen) -> Opponents:
    return _against(_measured(gate, versions)[:1])


def _best(gate: Gate, versions: Sequence[ModelVersion], _seen: Seen) -> Opponents:
    sign = 1 if gate.goal == "Maximize" else -1

    def goodness(baseline: Baseline) -> Decimal:
        value = baseline.value(gate.metric)
        return Decimal("-Infinity") if value is None else value * sign

    # Of equals the newest: max() keeps the first.
    best = max(_measured(gate, versions), key=goodness, default=None)
    return _against([best] if best else [])


def _all(gate: Gate, versions: Sequence[ModelVersion], _seen: Seen) -> Opponents:
    return _against(_measured(gate, versions))


def _none(_gate: Gate, _versions: Sequence[ModelVersion], _seen: Seen) -> Opponents:
    return Opponents(note="the gate compares with no version", compares=False)


def _alias(gate: Gate, versions: Sequence[ModelVersion], seen: Seen) -> Opponents:
    alias = gate.baseline.alias or ""
    return _named(
        versions,
        lambda version: alias in _held(version, seen),
        f"no version has the alias {alias}, so there is none to beat",
    )


def _deployed(gate: Gate, versions: Sequence[ModelVersion], seen: Seen) -> Opponents:
    del gate
    stable = {_stable(deployment) for deployment in seen.all("ModelDeployment")}
    return _named(
        versions,
        lambda version: name_of(version) in stable,
        "no ModelDeployment serves a version of it, so there is none to beat",
    )


def _named(
    versions: Iterable[ModelVersion], wanted: Callable[[ModelVersion], bool], missing: str
) -> Opponents:
    found = next((version for version in versions if wanted(version)), None)
    return _against([recorded(found)]) if found is not None else Opponents(note=missing)


def recorded(version: ModelVersion) -> Baseline:
    """Return the version with what was written down when it was registered."""
    return Baseline(name_of(version), dict(version.spec.metrics))


def _measured(gate: Gate, versions: Iterable[ModelVersion]) -> list[Baseline]:
    found = [recorded(version) for version in versions]
    return [baseline for baseline in found if baseline.value(gate.metric) is not None]


def _against(baselines: Sequence[Baseline]) -> Opponents:
    return Opponents(tuple(baselines), note="" if baselines else _FIRST)


def _held(version: ModelVersion, seen: Seen) -> Sequence[str]:
    live = seen.get("ModelVersion", name_of(version)) or {}
    held: Sequence[str] = (live.get("status") or {}).get("aliases") or ()
    return held


def _stable(deployment: Manifest) -> str:
    stable: Mapping[str, str] = (deployment.get("status") or {}).get("stable") or {}
    return stable.get("modelVersion", "")


_CHOICES: Mapping[str, Callable[[Gate, Sequence[ModelVersion], Seen], Opponents]] = {
    "Latest": _latest,
    "Best": _best,
    "Deployed": _deployed,
    "Alias": _alias,
    "All": _all,
    "None": _none,
}
