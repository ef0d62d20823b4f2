"""What follows the user's steps: collect, gate, convert, register, and the commit point."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from comal_operator.api.model_version import ModelVersion
from comal_operator.api.training_gate import Gate
from comal_operator.api.training_run import Register
from comal_operator.core.conditions import find
from comal_operator.core.plan import Create
from comal_operator.core.reasons import GateReason, RunReason
from comal_operator.core.registry.numbers import high_water, next_number
from comal_operator.core.training import jobs, registration
from comal_operator.core.training.gate import judge
from comal_operator.core.training.lineage import verdict_of
from comal_operator.core.training.look import Facts, Look, Next, State, refused
from comal_operator.core.training.profile import profiled
from comal_operator.core.training.report import report, retry
from comal_operator.core.training.same_data import opponents
from comal_operator.core.training.series import keep_series
from comal_operator.core.training.sweep_trial import is_trial
from comal_operator.core.training.verdict import Verdict
from comal_trainer.contract import Collected, Converted, Reason, Registered

COLLECT, CONVERT, REGISTER = "collect", "convert", "register"


def already_registered(look: Look) -> Next | None:
    """Return the end of a run that has made its version; None when it has not."""
    register = look.spec.register_
    if register is None:
        return None
    versions = registration.versions_of(look.seen, register.model)
    own = registration.registered_by(versions, look.run["metadata"]["uid"])
    return None if own is None else _registered(look, own)


def finish(look: Look) -> Next | None:
    """Return what the run needs whose steps have all succeeded and that may register a model."""
    register = look.spec.register_
    if register is None and not is_trial(look.run):
        return None
    state = State("Going", RunReason.COLLECTING, "reading the metrics", COLLECT)
    job = jobs.collect_job(look)
    collected = report(look, job, Collected, state, RunReason.COLLECT_JOB_FAILED)
    if collected.answer is None:
        return collected.next or Next(state)
    kept = keep_series(look, job, collected.answer, state)
    if kept is not None:
        return kept
    if register is None:
        return Next(_measured(collected.answer))
    versions = registration.versions_of(look.seen, register.model)
    verdict = _verdict(look, collected.answer, versions)
    if isinstance(verdict, Next):
        return verdict
    facts = Facts(collected.answer.metrics, verdict)
    if verdict is not None and not verdict.passed and register.when == "GatePassed":
        return Next(_rejected(look.spec.gate, verdict.message, facts))
    return _package(look, register, facts, versions)


def _measured(collected: Collected) -> State:
    """Return the end of a sweep's trial: its sweep judges what it measured."""
    text = collected.error.message if collected.error else "measured; its sweep goes on"
    return State("Complete", RunReason.COMPLETED, text, facts=Facts(collected.metrics))


def _registered(look: Look, version: ModelVersion) -> Next:
    """Return the end of a run whose version exists: it is over once the number is remembered."""
    spec = version.spec
    verdict, name = verdict_of(version), f"{spec.model}-v{spec.version}"
    facts = Facts(spec.metrics, verdict, name)
    registry = look.seen.get("ModelRegistry", spec.registry)
    if registry is not None and high_water(registry, ()).get(spec.model, 0) < int(spec.version):
        text = f"{name} is made; ModelRegistry {spec.registry} is to remember its number"
        return Next(State("Going", RunReason.REGISTERING, text, REGISTER, facts))
    said = f": {verdict.message}" if verdict else ""
    if verdict is not None and not verdict.passed and look.spec.gate is not None:
        text = f"{name} is registered, although the gate says no{said}"
        return Next(_rejected(look.spec.gate, text, facts, otherwise=RunReason.REGISTERED))
    return Next(State("Complete", RunReason.REGISTERED, f"{name} is registered{said}", facts=facts))


def _rejected(
    gate: Gate | None,
    message: str,
    facts: Facts,
    *,
    otherwise: RunReason = RunReason.REJECTED,
) -> State:
    """Return the end of a run that its gate rejected, as `onReject` asks for it."""
    asked = gate.on_reject if gate is not None else "Complete"
    if asked == "Cancel":
        return State("Cancelled", RunReason.CANCELLED, f"the gate says no: {message}", facts=facts)
    if asked == "Fail":
        return State("Failed", RunReason.REJECTED, message, facts=facts)
    return State("Complete", otherwise, message, facts=facts)


def _verdict(
    look: Look, collected: Collected, versions: tuple[ModelVersion, ...]
) -> Verdict | Next | None:
    gate = look.spec.gate
    if gate is None:
        return None
    if collected.error is not None:
        return Verdict(False, GateReason(collected.error.reason), collected.error.message)
    against = opponents(look, collected, versions)
    return against if isinstance(against, Next) else judge(gate, collected.metrics, against)


def _package(
    look: Look, register: Register, facts: Facts, versions: tuple[ModelVersion, ...]
) -> Next:
    state = State("Going", RunReason.CONVERTING, "making the package to serve", CONVERT, facts)
    job = jobs.convert_job(look)
    converted = report(look, job, Converted, state, RunReason.CONVERT_JOB_FAILED)
    if converted.answer is None:
        return converted.next or Next(state)
    error = converted.answer.error
    if error is not None:
        return Next(State("Failed", RunReason(error.reason), error.message, facts=facts))
    return _push(look, register, facts, versions, converted.answer)


def _push(
    look: Look,
    register: Register,
    facts: Facts,
    versions: tuple[ModelVersion, ...],
    converted: Converted,
) -> Next:
    state = State("Going", RunReason.REGISTERING, "pushing the model", REGISTER, facts)
    waiting = _registry_missing(look, register, state)
    if waiting is not None:
        return waiting
    job = jobs.register_job(look, register)
    pushed = report(look, job, Registered, state, RunReason.REGISTER_JOB_FAILED)
    if pushed.answer is None:
        return pushed.next or Next(state)
    error = pushed.answer.error
    if error is not None and error.reason == Reason.REGISTRY_REFUSED:
        live: Any = look.seen.get("Job", job["metadata"]["name"])
        since = live.get("status", {}).get("completionTime")
        failed = RunReason.REGISTER_JOB_FAILED
        return retry(look, live, state, failed, why=error.message, since=since)
    if error is not None:
        return Next(State("Failed", RunReason(error.reason), error.message, facts=facts))
    return _commit(
        look, register, state, versions=versions, converted=converted, pushed=pushed.answer
    )


def _registry_missing(look: Look, register: Register, state: State) -> Next | None:
    """Return the wait for a registry that is not there or not ready, or None."""
    registry = look.seen.get("ModelRegistry", register.registry)
    if registry is None:
        text = f"ModelRegistry {register.registry} does not exist: create it, the run goes on then"
        return Next(replace(state, reason=RunReason.REGISTRY_NOT_FOUND, message=text))
    ready = find((registry.get("status") or {}).get("conditions"), "Ready") or {}
    if ready.get("status") == "True":
        return None
    text = f"ModelRegistry {register.registry} is not ready: {ready.get('message', 'not seen yet')}"
    return Next(replace(state, reason=RunReason.WAITING_FOR_REGISTRY, message=text))


def _commit(
    look: Look,
    register: Register,
    state: State,
    *,
    versions: tuple[ModelVersion, ...],
    converted: Converted,
    pushed: Registered,
) -> Next:
    """Return the POST that makes the version: the API server lets one creator have the number.

    Whoever comes second sees the other's version at the next look, where the gate above compares
    with it; so two good runs that end together cannot both beat the same version.
    """
    profile = profiled(look, pushed, state.facts)
    if isinstance(profile, Next):
        return profile
    behind = registration.uncounted(look.seen, versions)
    if behind is not None:
        text = f"ModelRegistry {behind.spec.registry} is to remember version {behind.spec.version}"
        waiting = replace(state, reason=RunReason.WAITING_FOR_REGISTRY, message=text)
        return Next(waiting, look_again=timedelta(seconds=5))
    number = next_number(
        register.model, look.seen.all("ModelRegistry"), look.seen.all("ModelVersion")
    )
    manifest = registration.model_version(
        look,
        register,
        number,
        facts=state.facts,
        converted=converted,
        registered=pushed,
        profile=profile,
    )
    name = manifest["metadata"]["name"]
    refusal = look.seen.refusals.get(("ModelVersion", name))
    if refusal is not None:
        return refused(state, "ModelVersion", name, refusal)
    return Next(state, (Create(manifest),))
