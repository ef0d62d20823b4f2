"""A short load on the pushed model in several sizes of its container, one after another.

Nothing here keeps a model from being registered: what goes wrong is recorded in the place of the
numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from comal_operator.api.model_version import ModelProfile, SizeProfile
from comal_operator.api.training_profile import Profile, Size
from comal_operator.core.children import is_ours
from comal_operator.core.conditions import is_true
from comal_operator.core.plan import Apply, Manifest, Seen
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.left_over import has_ended
from comal_operator.core.training.look import Facts, Look, Next, State
from comal_operator.core.training.pods import pods_of
from comal_operator.core.training.profile_job import SCORER, profile_job
from comal_operator.core.training.profile_sizes import recommend
from comal_operator.core.training.report import report, why
from comal_trainer.contract import Registered
from comal_trainer.contract.profile import PROFILE_COMMAND, Profiled

_KILLED = "the scoring container was killed for memory"
# Why a Job was stopped before it could answer.
_STOPPED_FOR = "comal.dev/stopped-for"
# A container that ended so often will not come up.
_ENDS = 3


def profiled(look: Look, pushed: Registered, facts: Facts) -> ModelProfile | Next | None:
    """Return the model's profile, or how it comes to be; None for a run that asks for none."""
    profile = look.spec.profile
    if profile is None:
        return None
    found: list[SizeProfile] = []
    for number, size in enumerate(profile.sizes):
        one = _one(look, profile, number, pushed, facts)
        if isinstance(one, Next):
            return one
        found.append(_told(size, *one))
    chosen, message = recommend(found, profile.target.p95)
    return ModelProfile(sizes=tuple(found), recommended=chosen, message=message)


def _one(
    look: Look, profile: Profile, number: int, pushed: Registered, facts: Facts
) -> tuple[Profiled, str] | Next:
    """Return what one size told and what went wrong, or how to come by it."""
    size = profile.sizes[number]
    text = f"loading the model with {size.cpu} CPU and {size.memory}"
    text += f" ({number + 1} of {len(profile.sizes)} sizes)"
    state = State("Going", RunReason.PROFILING, text, PROFILE_COMMAND, facts)
    job = profile_job(look, profile, number, pushed.digest)
    live = look.seen.get("Job", job["metadata"]["name"])
    if live is not None and is_ours(live, look.run):
        if _has_failed(live):
            return Profiled(), f"it did not run: {why(live, look)}"
        stopped = (live["metadata"].get("annotations") or {}).get(_STOPPED_FOR)
        if stopped is not None:
            return Profiled(), stopped
        # Its callers would wait for minutes; they do where it may not be stopped.
        refused = ("Job", live["metadata"]["name"]) in look.seen.refusals
        hopeless = _hopeless(pods_of(live, look.seen))
        if hopeless is not None and not refused and not has_ended(live):
            return Next(state, (Apply((_stopped(live, hopeless),)),))
    answer = report(look, job, Profiled, state, RunReason.PROFILING)
    if answer.answer is None:
        return _going(answer.next or Next(state), state)
    return answer.answer, _wrong(answer.answer, look.seen, live)


def _going(following: Next, state: State) -> Next:
    """Return what follows, never stalled: the Job's deadline ends what does not come to be."""
    if following.state.kind != "Stalled":
        return following
    text = f"{state.message}: {following.state.message}"
    going = State("Going", state.reason, text, state.active_step, state.facts)
    return Next(going, following.actions, following.questions, following.look_again)


def _wrong(answer: Profiled, seen: Seen, job: Manifest | None) -> str:
    if job is not None and _killed_for_memory(pods_of(job, seen)):
        return _KILLED
    if answer.error is not None:
        return answer.error.message
    return "the scoring container was restarted under the load" if answer.restarts else ""


def _told(size: Size, answer: Profiled, wrong: str) -> SizeProfile:
    if not answer.requests:
        return SizeProfile(cpu=size.cpu, memory=size.memory, error=wrong[:600] or "no answer")
    return SizeProfile(
        cpu=size.cpu,
        memory=size.memory,
        p50_ms=answer.p50,
        p95_ms=answer.p95,
        p99_ms=answer.p99,
        requests_per_second=answer.rate,
        errors=answer.errors,
        # Rounded up: it is compared with a limit.
        peak_memory=f"{-(-answer.peak // 2**20)}Mi" if answer.peak else None,
        error=wrong[:600] or None,
    )


def _stopped(job: Manifest, why: str) -> Manifest:
    """Return what is applied to a Job that has nothing more to say: its Pod goes, it stays."""
    meta = job["metadata"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "annotations": {_STOPPED_FOR: why},
        },
        "spec": {"suspend": True},
    }


def _has_failed(job: Manifest) -> bool:
    return is_true(job.get("status", {}).get("conditions"), "Failed")


def _hopeless(pods: Sequence[Manifest]) -> str | None:
    """Return why the scoring container will not come up; None while it may."""
    if _killed_for_memory(pods):
        return _KILLED
    for one in _scorers(pods):
        if one.get("restartCount", 0) >= _ENDS:
            last = (one.get("lastState") or {}).get("terminated") or {}
            said = f"exit code {last.get('exitCode')} {last.get('message', '')[-400:]}".strip()
            return f"the scoring container ended {one['restartCount']} times: {said}"
    return None


def _killed_for_memory(pods: Sequence[Manifest]) -> bool:
    for one in _scorers(pods):
        states = (one.get("state") or {}, one.get("lastState") or {})
        if "OOMKilled" in {(state.get("terminated") or {}).get("reason") for state in states}:
            return True
    return False


def _scorers(pods: Sequence[Manifest]) -> Iterator[Manifest]:
    for pod in pods:
        for one in pod.get("status", {}).get("initContainerStatuses") or ():
            if one.get("name") == SCORER:
                yield one
