"""The user's steps: which Jobs are made now, and what keeps those that run."""

from __future__ import annotations

from collections.abc import Sequence

from comal_operator.core.reasons import RunReason
from comal_operator.core.training.attempts import job_of
from comal_operator.core.training.before_job import before_job
from comal_operator.core.training.jobs import step_job
from comal_operator.core.training.kueue import held, is_held
from comal_operator.core.training.look import Look, Next, State, create, troubled
from comal_operator.core.training.objects import claim_name
from comal_operator.core.training.on_its_way import on_its_way
from comal_operator.core.training.outputs import sealing
from comal_operator.core.training.problems import diagnose
from comal_operator.core.training.steps import Eyes, is_done, rest_left, startable
from comal_operator.core.training.sweep_trial import is_trial
from comal_operator.core.training.workspace import many_nodes


def run_steps(look: Look) -> Next | None:
    """Return what the user's steps need; None once all of them are done and a model follows."""
    found = {status.name: status for status in look.steps}
    if all(is_done(step, found[step.name]) for step in look.spec.steps):
        return _all_done(look)
    eyes = Eyes(look.run, look.spec, look.seen, look.now, look.settings)
    ready = startable(eyes, look.steps, side_by_side=many_nodes(look))
    state = on_its_way(look)
    firsts = {step.name: before_job(look, step, state) for step in ready}
    wanted = [step_job(look, step) for step in ready if firsts[step.name] is None]
    others = [first for first in firsts.values() if first is not None]
    acts = next((first for first in others if first.actions or first.questions), None)
    return create(look, wanted, state) or acts or _running_jobs(look, state, others)


def _all_done(look: Look) -> Next | None:
    """Return the end of a run that registers nothing; None when a model follows.

    What a failed Train step left is no model, so it is not even collected.
    """
    failed = [status.name for status in look.steps if status.state == "Failed"]
    trained = {step.name for step in look.spec.steps if step.role == "Train"}
    untrained = bool(trained.intersection(failed))
    goes_on = look.spec.register_ is not None or is_trial(look.run)
    if goes_on and not untrained:
        return None
    text = f"all {len(look.steps)} steps succeeded"
    if failed:
        text = f"{len(look.steps) - len(failed)} of {len(look.steps)} steps succeeded;"
        text += f" {', '.join(failed)} failed, as continueOnFailure allows"
    if look.spec.register_ is not None:
        text += "; nothing is registered, because a Train step failed"
    return Next(State("Complete", RunReason.COMPLETED, text))


def _running_jobs(look: Look, state: State, others: Sequence[Next]) -> Next:
    """Return the state of the steps that run, or the first problem of one of them."""
    claim = look.seen.get("PersistentVolumeClaim", claim_name(look.run, look.spec))
    found, checking = [Next(state)], sealing(look, state)
    for step in look.steps:
        job = job_of(step, look.seen)
        rest = rest_left(step, look.now)
        if rest is not None:
            found.append(Next(state, look_again=rest))
        if step.name in checking:
            found.append(checking[step.name])
        elif step.state == "Running" and job is not None and is_held(job):
            found.append(held(look, step.name, job, state))
        elif step.state == "Running" and job is not None:
            diagnosis = diagnose(
                look.run, step.name, job, claim=claim, seen=look.seen, now=look.now
            )
            found.append(troubled(state, diagnosis))
    found += others
    asked = next((one for one in found if one.questions), None)
    worst = next((one for one in found if one.state is not state), None)
    waiting = min(
        (one for one in found if one.look_again is not None),
        key=lambda one: one.look_again,  # type: ignore[arg-type,return-value]
        default=None,
    )
    return asked or worst or waiting or found[0]
