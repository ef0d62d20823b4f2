"""What a step that checks data says when it refuses it: a closed list of reasons."""

from __future__ import annotations

from comal_operator.core.reasons import RunReason
from comal_operator.core.training.pods import Ended
from comal_trainer.contract import ContractError, JobError
from comal_trainer.contract.data_check import CheckedData, DataProblem


def data_problem(end: Ended | None) -> JobError | None:
    """Return why the step refused its data, None when it did not say so."""
    if end is None or not end.message:
        return None
    try:
        error = CheckedData.decode(end.message).error
    except ContractError:
        return None
    # Any program may be the step: only these words may become a reason.
    return error if error is not None and error.reason in set(DataProblem) else None


def fatal_reason(end: Ended | None) -> RunReason:
    """Return the reason of an attempt that ended with a fatal exit code."""
    problem = data_problem(end)
    return RunReason.FATAL_EXIT_CODE if problem is None else RunReason(problem.reason)
