"""What a TrainingRun needs next."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import ValidationError

from comal_operator.api.training_run import TrainingRun
from comal_operator.api.training_run_status import StepStatus
from comal_operator.core.conditions import is_true
from comal_operator.core.plan import Action, Manifest, Plan, Ref, Seen, Settings, WriteStatus
from comal_operator.core.reasons import RunReason
from comal_operator.core.training import objects, registration
from comal_operator.core.training.finish import finish, registered
from comal_operator.core.training.jobs import job_name, step_job
from comal_operator.core.training.look import Look, Next, State, create, troubled
from comal_operator.core.training.problems import diagnose
from comal_operator.core.training.relevant import RELEVANT
from comal_operator.core.training.report import delete
from comal_operator.core.training.status import invalid_status, is_written, status_of
from comal_operator.core.training.steps import (
    ENDS,
    failure_message,
    observe_steps,
    questions,
    startable,
)

__all__ = ["RELEVANT", "plan_training_run"]


def plan_training_run(run: Manifest, seen: Seen, *, now: datetime, settings: Settings) -> Plan:
    """Decide what `run` needs, given what was `seen`; no I/O, no clock, no randomness."""
    if _has_ended(run) or run["metadata"].get("deletionTimestamp"):
        return Plan()
    try:
        typed = TrainingRun.model_validate(run)
    except ValidationError as error:
        return _invalid(run, error, now)
    steps = observe_steps(run, typed.spec, typed.status, seen)
    look = Look(run, typed.spec, typed.status, seen, now, settings, steps)
    return _plan(look, _next(look))


def _plan(look: Look, following: Next) -> Plan:
    """Return the plan for what follows: memory first, then deeds, then news.

    That a step ended is written down before anything is built on it, so that it never starts
    again. News come last: a refused deed would otherwise be announced and revoked in turns.
    """
    if following.questions:
        return Plan(questions=following.questions)
    status = status_of(look, following.state)
    writes: tuple[Action, ...] = ()
    if not is_written(status, look.run.get("status")):
        version = look.run["metadata"]["resourceVersion"]
        writes = (WriteStatus(Ref.of(look.run), version, status),)
    if not following.actions:
        return Plan(writes, requeue_after=following.look_again)
    actions = (*writes, *following.actions) if _news_of_ends(look) else following.actions
    return Plan(actions, requeue_after=following.look_again)


def _next(look: Look) -> Next:
    failed = next((step for step in look.steps if step.state == "Failed"), None)
    if failed is not None:
        return _after_failure(look, failed)
    register = look.spec.register_
    if register is not None:
        versions = registration.versions_of(look.seen, register.model)
        own = registration.registered_by(versions, look.run["metadata"]["uid"])
        if own is not None:
            return registered(look, own)
    return _children(look) or _steps(look)


def _children(look: Look) -> Next | None:
    """Return how what the Jobs need comes to be; None when all of it is there."""
    run, spec, state = look.run, look.spec, _running(look)
    wanted = [objects.parameters_config_map(run, spec), *objects.network_policies(run, spec)]
    if spec.service_account_name is None:
        wanted.append(objects.service_account(run))
    existing = spec.workspace.existing_claim
    if existing is None:
        wanted.append(objects.workspace_claim(run, spec))
    elif look.seen.get("PersistentVolumeClaim", existing) is None:
        text = f"PersistentVolumeClaim {existing} does not exist: create it, the run goes on then"
        waiting = State("Going", RunReason.CLAIM_NOT_FOUND, text)
        return Next(waiting, look_again=timedelta(seconds=10))
    if _workspace_is_lost(look):
        text = "the workspace volume was deleted after a step had written to it: make a new run"
        return Next(State("Failed", RunReason.WORKSPACE_LOST, text))
    register = spec.register_
    if register is not None and register.registry == objects.DEFAULT_REGISTRY:
        wanted.append(objects.default_registry(run["metadata"]["namespace"]))
    return create(look, wanted, state)


def _workspace_is_lost(look: Look) -> bool:
    if look.spec.workspace.existing_claim is not None:
        return False
    name = objects.claim_name(look.run, look.spec)
    there = look.seen.get("PersistentVolumeClaim", name) is not None
    return not there and any(step.state == "Succeeded" for step in look.steps)


def _steps(look: Look) -> Next:
    """Return what the user's steps need, or what comes after the last of them."""
    if all(step.state == "Succeeded" for step in look.steps):
        if look.spec.register_ is not None:
            return finish(look, look.spec.register_)
        text = f"all {len(look.steps)} steps succeeded"
        return Next(State("Complete", RunReason.COMPLETED, text))
    ready = startable(look.spec, look.steps, look.seen, side_by_side=_side_by_side(look))
    wanted = [step_job(look.run, look.spec, step, look.settings) for step in ready]
    state = _running(look)
    return create(look, wanted, state) or _running_jobs(look, state)


def _running_jobs(look: Look, state: State) -> Next:
    """Return the state of the steps that run, or the first problem of one of them."""
    claim = look.seen.get("PersistentVolumeClaim", objects.claim_name(look.run, look.spec))
    found = [Next(state)]
    for step in look.steps:
        job = look.seen.get("Job", job_name(look.run, step.name))
        if step.state == "Running" and job is not None:
            diagnosis = diagnose(
                look.run, step.name, job, claim=claim, seen=look.seen, now=look.now
            )
            found.append(troubled(state, diagnosis))
    asked = next((one for one in found if one.questions), None)
    worst = next((one for one in found if one.state is not state), None)
    waiting = next((one for one in found if one.look_again is not None), None)
    return asked or worst or waiting or found[0]


def _after_failure(look: Look, failed: StepStatus) -> Next:
    """Return the end of a run with a failed step: what still runs is stopped first."""
    asked = questions(look.run, look.steps, look.seen)
    job = look.seen.get("Job", job_name(look.run, failed.name))
    state = State("Failed", RunReason.STEP_FAILED, failure_message(failed, job))
    if asked:
        return Next(state, questions=asked)
    running = [
        look.seen.get("Job", job_name(look.run, step.name))
        for step in look.steps
        if step.state == "Running"
    ]
    stop = tuple(delete(job) for job in running if job is not None)
    if stop:
        going = State("Going", RunReason.RUNNING, state.message, failed.name)
        return Next(going, stop)
    return Next(state)


def _running(look: Look) -> State:
    """Return the state of a run on its way, with the step that runs or comes next."""
    order = [step.name for step in look.steps]
    active = next((s.name for s in look.steps if s.state == "Running"), None)
    active = active or next((s.name for s in look.steps if s.state == "Pending"), None)
    if active is None:
        return State("Going", RunReason.RUNNING, "all steps succeeded")
    place = f"step {active} ({order.index(active) + 1} of {len(order)})"
    return State("Going", RunReason.RUNNING, f"running {place}", active)


def _side_by_side(look: Look) -> bool:
    name = objects.claim_name(look.run, look.spec)
    claim = look.seen.get("PersistentVolumeClaim", name) or {}
    return "ReadWriteMany" in (claim.get("spec", {}).get("accessModes") or ())


def _news_of_ends(look: Look) -> bool:
    known = {step.name for step in look.status.steps if step.state in ENDS}
    return any(step.state in ENDS and step.name not in known for step in look.steps)


def _has_ended(run: Manifest) -> bool:
    conditions = (run.get("status") or {}).get("conditions")
    return is_true(conditions, "Complete") or is_true(conditions, "Failed")


def _invalid(run: Manifest, error: ValidationError, now: datetime) -> Plan:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    text = f"{where}: {first['msg']}: make a new TrainingRun that says it right"
    status = invalid_status(run, RunReason.SPEC_INVALID, text, now)
    if is_written(status, run.get("status")):
        return Plan()
    return Plan((WriteStatus(Ref.of(run), run["metadata"]["resourceVersion"], status),))
