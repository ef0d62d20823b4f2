"""`collect`: read metrics.json and the series, and hand the values to the operator."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from comal_trainer.contract import MAX_METRICS, Collected, ContractError, Reason
from comal_trainer.failure import JobFailure
from comal_trainer.metrics import read_metrics
from comal_trainer.series import newest_metrics


def collect(
    metrics_file: Path,
    series: Path | None = None,
    *,
    baseline: tuple[Path, Collection[str]] | None = None,
    kept: int = 0,
) -> Collected:
    """Return the metrics of the run, or what is wrong with them; bad input never raises.

    metrics.json is the run's result. The newest values of the `series` folder are added while
    there is room for them, or stand for it when no step wrote one. `baseline` is the file with a
    registered version's metrics on the same data, and which of them are wanted. `kept` is how many
    lines of the series the log will end with.
    """
    reported = newest_metrics(series) if series else {}
    try:
        metrics = _result(metrics_file, reported)
        scored = _of_baseline(*baseline) if baseline else {}
        answer = Collected(metrics=metrics, baseline=scored, series=kept)
        answer.encode()
    except JobFailure as failure:
        return Collected(error=failure.error, series=kept)
    except ContractError as error:
        message = f"{metrics_file.name}: {error}; use fewer metrics or shorter names"
        return Collected(error=JobFailure(Reason.METRICS_TOO_LARGE, message).error, series=kept)
    return _with_reported(answer, reported)


def _of_baseline(file: Path, wanted: Collection[str]) -> dict[str, str]:
    """Return the wanted metrics of the baseline; none when there is no good file of them."""
    try:
        found = read_metrics(file) if wanted else {}
    except JobFailure as failure:
        print(f"the baseline was not measured on this run's data: {failure}", flush=True)
        return {}
    return {name: value for name, value in found.items() if name in wanted}


def _result(metrics_file: Path, reported: dict[str, str]) -> dict[str, str]:
    try:
        return read_metrics(metrics_file)
    except JobFailure as failure:
        if failure.error.reason == Reason.METRICS_MISSING and reported:
            return {}
        raise


def _with_reported(answer: Collected, reported: dict[str, str]) -> Collected:
    """Return all that fits; what metrics.json says is never left out for a reported value."""
    found = dict(answer.metrics)
    for name, value in reported.items():
        if name in found or len(found) >= MAX_METRICS:
            continue
        try:
            replace(answer, metrics={**found, name: value}).encode()
        except ContractError:
            break
        found[name] = value
    return replace(answer, metrics={name: found[name] for name in sorted(found)})
