"""A sweep: trials as TrainingRuns of their own, of which the best one's model goes on.

status.sweep.trials is the memory: a trial is written there before its run is made, and what became
of it before anything is built on that. So a kill at any moment loses and repeats nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.api.training_run_status import TrainingRunStatus, TrialStatus
from comal_operator.api.training_sweep import Sweep
from comal_operator.core.children import is_ours
from comal_operator.core.plan import Action, Apply, Manifest, Plan, Seen
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.look import Facts, Look, Next, State, create
from comal_operator.core.training.objects import run_child_name
from comal_operator.core.training.sweep_space import grid, total
from comal_operator.core.training.sweep_suggestions import left_over, suggestions
from comal_operator.core.training.sweep_trial import told, trial_name, trial_run
from comal_operator.core.training.sweep_trials import OVER, best, observed, run_of
from comal_operator.core.training.ttl import has_ended
from comal_operator.core.training.verdict import short

ACTIVE = "trials"


def with_best(spec: TrainingRunSpec, status: TrainingRunStatus) -> TrainingRunSpec:
    """Return the spec with the best trial's parameters, once all trials are over."""
    if status.sweep is None or status.sweep.workspace is None:
        return spec
    chosen = next(one for one in status.sweep.trials if one.number == status.sweep.best)
    return spec.model_copy(update={"parameters": {**spec.parameters, **chosen.parameters}})


def stop_trials(look: Look) -> Next | None:
    """Return how the trials of a cancelled or suspended sweep are stopped; None when they are."""
    if look.spec.sweep is None or not (look.spec.cancel or look.spec.suspend):
        return None
    living = _living(look)
    change = {"cancel": True} if look.spec.cancel else {"suspend": True}
    actions = _all_told(living, **change)
    reason = RunReason.CANCELLED if look.spec.cancel else RunReason.SUSPENDED
    if not actions and not (look.spec.cancel and living):
        return None
    text = f"{len(living)} trials are being stopped"
    trials = observed(look.run, look.spec.sweep, _known(look), look.seen)
    state = State("Going", reason, text, ACTIVE, _facts(look.spec.sweep, trials))
    return Next(state, actions)


def run_trials(look: Look) -> Next | None:
    """Return what the trials need; None once they are over and the best one's model goes on."""
    sweep = look.spec.sweep
    if sweep is None:
        return None
    if look.status.sweep is not None and look.status.sweep.workspace is not None:
        return _after(look, sweep)
    trials = observed(look.run, sweep, _known(look), look.seen)
    state = _state(sweep, trials)
    return (
        _told_and_made(look, state)
        or _more(look, sweep, trials, state)
        or _over(look, sweep)
        or Next(state)
    )


def trials_go_too(run: Manifest, seen: Seen) -> Plan | None:
    """Return how the times to live of an ended sweep become its trials'; None when they are.

    Not before: the best one's workspace is needed until the model is registered.
    """
    ttl = run["spec"].get("ttl")
    if not run["spec"].get("sweep") or not ttl:
        return None
    trials = [one for one in seen.all("TrainingRun") if is_ours(one, run)]
    found = (told(trial, ttl=ttl) for trial in trials)
    actions = tuple(one for one in found if one is not None)
    return Plan(actions) if actions else None


def _told_and_made(look: Look, state: State) -> Next | None:
    """Return what the trials need that are remembered: to be made, to go on, or to be stopped."""
    hopeless = [
        run
        for trial in _known(look)
        if trial.state == "Pruned"
        and (run := run_of(trial, look.run, look.seen)) is not None
        and not has_ended(run)
    ]
    stop = _all_told(hopeless, cancel=True)
    go_on = _all_told([run for run in _living(look) if run not in hopeless], suspend=False)
    actions: tuple[Action, ...] = (*stop, *go_on, *left_over(look, len(_known(look))))
    if actions:
        return Next(state, actions)
    missing = [
        trial_run(look.run, trial.number, trial.parameters)
        for trial in _known(look)
        if trial.state == "Pending"
    ]
    return create(look, missing, state)


def _more(look: Look, sweep: Sweep, trials: Sequence[TrialStatus], state: State) -> Next | None:
    """Return how further trials are found, as long as there is room for them."""
    busy = sum(trial.state not in OVER for trial in trials)
    count = min(sweep.parallelism - busy, total(sweep) - len(trials))
    if count <= 0:
        return None
    if sweep.sampler == "Grid":
        found: Sequence[dict[str, str]] = grid(sweep, len(trials), count)
    else:
        asked = suggestions(look, sweep, tuple(trials), count, state)
        if isinstance(asked, Next):
            return asked
        found = asked
    new = [
        TrialStatus(
            number=number, run=trial_name(look.run, number), parameters=values, state="Pending"
        )
        for number, values in enumerate(found, start=len(trials))
    ]
    # The next look makes the runs of what is remembered here.
    return Next(_state(sweep, (*trials, *new)))


def _over(look: Look, sweep: Sweep) -> Next | None:
    """Return the choice of the best trial once all are remembered as over; None before."""
    trials = _known(look)
    if len(trials) < total(sweep) or any(trial.state not in OVER for trial in trials):
        return None
    chosen = best(sweep, trials)
    run = None if chosen is None else run_of(chosen, look.run, look.seen)
    if chosen is None or run is None:
        said = next((trial.message for trial in trials if trial.message), "")
        text = f"none of {len(trials)} trials has a model to go on with; the first said: {said}"
        facts = _facts(sweep, trials)
        return Next(State("Failed", RunReason.NO_TRIAL_SUCCEEDED, text, facts=facts))
    workspace = run["spec"].get("workspace", {})
    claim = workspace.get("existingClaim") or run_child_name(run, "workspace")
    facts = _facts(sweep, trials, workspace=claim)
    return Next(State("Going", RunReason.SWEEPING, _told_best(sweep, chosen), ACTIVE, facts))


def _after(look: Look, sweep: Sweep) -> Next | None:
    """Return the end of a sweep that registers nothing or lost its best trial; None otherwise."""
    chosen = best(sweep, _known(look))
    if chosen is None:
        return None
    run = run_of(chosen, look.run, look.seen)
    if run is None:
        text = f"TrainingRun {chosen.run}, the best trial, was deleted with its workspace:"
        lost = RunReason.WORKSPACE_LOST
        return Next(State("Failed", lost, f"{text} make a new run"))
    if look.spec.register_ is not None:
        return None
    metrics = (run.get("status") or {}).get("metrics")
    text = _told_best(sweep, chosen)
    return Next(State("Complete", RunReason.COMPLETED, text, facts=Facts(metrics)))


def _state(sweep: Sweep, trials: Sequence[TrialStatus]) -> State:
    over = sum(trial.state in OVER for trial in trials)
    chosen = best(sweep, trials)
    so_far = f"; so far {_told_best(sweep, chosen)}" if chosen else ""
    text = f"{over} of {total(sweep)} trials are over, {len(trials) - over} run{so_far}"
    return State("Going", RunReason.SWEEPING, text, ACTIVE, _facts(sweep, trials))


def _told_best(sweep: Sweep, trial: TrialStatus) -> str:
    values = ", ".join(f"{name}={value}" for name, value in sorted(trial.parameters.items()))
    found = f"{sweep.objective.metric} {short(trial.value or '')}"
    return f"trial {trial.number} is the best: {found} with {values}"


def _facts(sweep: Sweep, trials: Sequence[TrialStatus], *, workspace: str | None = None) -> Facts:
    chosen = best(sweep, trials)
    memory: dict[str, Any] = {"trials": [_wire(trial) for trial in trials]}
    if chosen is not None:
        memory["best"] = chosen.number
    if workspace is not None:
        memory["workspace"] = workspace
    return Facts(memory={"sweep": memory})


def _wire(trial: TrialStatus) -> dict[str, Any]:
    return {key: value for key, value in trial.to_wire().items() if value != []}


def _known(look: Look) -> tuple[TrialStatus, ...]:
    return look.status.sweep.trials if look.status.sweep is not None else ()


def _living(look: Look) -> list[Manifest]:
    """Return the trials' runs that have not ended."""
    runs = [run_of(trial, look.run, look.seen) for trial in _known(look)]
    return [run for run in runs if run is not None and not has_ended(run)]


def _all_told(runs: Sequence[Manifest], **spec: bool) -> tuple[Apply, ...]:
    found = (told(run, **spec) for run in runs)
    return tuple(one for one in found if one is not None)
