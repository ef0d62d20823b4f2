"""`collect`: read metrics.json and hand it to the operator."""

from __future__ import annotations

from pathlib import Path

from comal_trainer.contract import Collected, ContractError, Reason
from comal_trainer.failure import JobFailure
from comal_trainer.metrics import read_metrics


def collect(metrics_file: Path) -> Collected:
    """Return the metrics of the run, or what is wrong with them; bad input never raises."""
    try:
        answer = Collected(metrics=read_metrics(metrics_file))
        answer.encode()
    except JobFailure as failure:
        return Collected(error=failure.error)
    except ContractError as error:
        message = f"{metrics_file.name}: {error}; use fewer metrics or shorter names"
        return Collected(error=JobFailure(Reason.METRICS_TOO_LARGE, message).error)
    return answer
