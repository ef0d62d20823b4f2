"""What became of a sweep's trials, by the runs that try them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from comal_operator.api.training_run_status import TrainingRunStatus, TrialStatus
from comal_operator.api.training_sweep import Sweep
from comal_operator.core.children import is_ours
from comal_operator.core.conditions import find, is_true
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.training.pruning import is_hopeless, with_report
from comal_operator.core.training.sweep_space import total
from comal_operator.core.training.verdict import finite

OVER = ("Succeeded", "Pruned", "Failed")


def run_of(trial: TrialStatus, run: Manifest, seen: Seen) -> Manifest | None:
    """Return the TrainingRun of a trial; a stranger by its name is none."""
    live = seen.get("TrainingRun", trial.run)
    return live if live is not None and is_ours(live, run) else None


def observed(
    run: Manifest, sweep: Sweep, trials: Sequence[TrialStatus], seen: Seen
) -> tuple[TrialStatus, ...]:
    """Return what became of the trials: one remembered as over stays so."""
    found = tuple(
        trial if trial.state in OVER else _observed(trial, sweep, run_of(trial, run, seen))
        for trial in trials
    )
    if sweep.pruner == "None":
        return found
    return tuple(_pruned(trial, found, sweep) for trial in found)


def best(sweep: Sweep, trials: Iterable[TrialStatus]) -> TrialStatus | None:
    """Return the trial with the best value, of equals the first; None where none has one."""
    sign = 1 if sweep.objective.goal == "Maximize" else -1
    found = None
    for trial in trials:
        value = finite(trial.value or "")
        if trial.state != "Succeeded" or value is None:
            continue
        if found is None or value * sign > (finite(found.value or "") or 0) * sign:
            found = trial
    return found


def of_trials(sweep: Sweep, memory: Mapping[str, Any], status: TrainingRunStatus) -> dict[str, Any]:
    """Return status.progress of a sweep: how many trials are over, of how many."""
    kept = [trial.state for trial in status.sweep.trials] if status.sweep else []
    new = memory.get("sweep", {}).get("trials")
    states = kept if new is None else [trial["state"] for trial in new]
    done, all_of_them = sum(state in OVER for state in states), total(sweep)
    return {"text": f"{done}/{all_of_them} trials", "percent": min(99, 100 * done // all_of_them)}


def _observed(trial: TrialStatus, sweep: Sweep, run: Manifest | None) -> TrialStatus:
    if run is None:
        # Pending: not made yet. Running: somebody deleted it, and it is not tried again.
        gone = {"state": "Failed", "message": "its TrainingRun was deleted"}
        return trial.model_copy(update=gone) if trial.state == "Running" else trial
    status: Mapping[str, Any] = run.get("status") or {}
    conditions = status.get("conditions")
    metric = sweep.objective.metric
    value = (status.get("metrics") or {}).get(metric)
    if is_true(conditions, "Complete"):
        return trial.model_copy(update=_ended(metric, value))
    if is_true(conditions, "Failed"):
        said = str((find(conditions, "Failed") or {}).get("message", ""))
        return trial.model_copy(update={"state": "Failed", "message": said[:256]})
    update: dict[str, Any] = {"state": "Running"}
    if sweep.pruner != "None":
        progress = status.get("progress") or {}
        known = trial.reported
        update["reported"] = with_report(
            known, progress.get("epoch"), progress.get("percent"), value
        )
    return trial.model_copy(update=update)


def _ended(metric: str, value: str | None) -> dict[str, Any]:
    if value is not None and finite(value) is not None:
        return {"state": "Succeeded", "value": value}
    found = "is not in metrics.json" if value is None else f"is {value}, which is not finite"
    return {"state": "Failed", "message": f"{metric} {found}"}


def _pruned(trial: TrialStatus, trials: Sequence[TrialStatus], sweep: Sweep) -> TrialStatus:
    if trial.state != "Running" or not is_hopeless(trial, trials, sweep.objective.goal):
        return trial
    last = trial.reported[-1]
    text = f"{sweep.objective.metric} {last.value} at {last.at} is worse than the median there"
    return trial.model_copy(update={"state": "Pruned", "value": last.value, "message": text})
