"""Whether a step that exited with 0 left what it declared: only then has it succeeded.

A Pod that was evicted at the wrong moment can look as if it had ended well; a folder that is not
there cannot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from comal_operator.api.training_run_status import StepStatus
from comal_operator.api.training_step import Step
from comal_operator.core.conditions import is_true
from comal_operator.core.names import short_hash
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.attempts import AttemptEnd, job_of
from comal_operator.core.training.jobs import built_in_job
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.objects import REPORT, job_name
from comal_operator.core.training.on_its_way import on_its_way
from comal_operator.core.training.pods import pods_of
from comal_operator.core.training.report import read_answer, report
from comal_trainer.contract.outputs import Sealed, seal_arguments


@dataclass(frozen=True)
class Checked:
    """A step whose Job is Complete: Running until its outputs are found, or how it failed."""

    status: StepStatus
    end: AttemptEnd | None = None


def checked(run: Manifest, step: Step, done: StepStatus, seen: Seen) -> Checked:
    """Return what became of a step whose Job is Complete, given what `seal` says of its outputs."""
    if not step.outputs:
        return Checked(done)
    answer = _answer(run, done, seen)
    if answer is None:
        return Checked(done.model_copy(update={"state": "Running", "completion_time": None}))
    if answer.error is not None:
        text = f"exited with code 0, but {answer.error.message}"
        own = job_of(done, seen)
        pod = next(reversed(pods_of(own, seen)), None) if own is not None else None
        at = done.completion_time or ""
        end = AttemptEnd("Failure", RunReason.OUTPUT_MISSING, text, at, exit_code=0, pod=pod)
        return Checked(done, end)
    pairs = [(path, out.digest) for path, out in zip(step.outputs, answer.outputs, strict=True)]
    return Checked(done.model_copy(update={"outputs_digest": digest_of(pairs)}))


def digest_of(outputs: Sequence[tuple[str, str]]) -> str:
    """Return one digest for all outputs of a step, given as (path, digest) in the spec's order."""
    text = json.dumps([list(pair) for pair in outputs], separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def seal(look: Look) -> Next | None:
    """Return what the outputs of steps that have exited with 0 need; None when nothing."""
    state = on_its_way(look)
    for one in sealing(look, state).values():
        if one.actions or one.questions:
            return one
    return None


def sealing(look: Look, state: State) -> dict[str, Next]:
    """Return, by step, how the outputs are looked for of those that have exited with 0."""
    found = {}
    for step, status in zip(look.spec.steps, look.steps, strict=True):
        own_job = job_of(status, look.seen)
        if status.state != "Running" or not step.outputs or not _is_complete(own_job):
            continue
        text = f"checking the outputs of step {step.name}"
        own = replace(state, message=text, active_step=step.name)
        name = _seal(status, look.seen)
        job = built_in_job(look, name, seal_arguments(step.outputs))
        said = report(look, job, Sealed, own, RunReason.SEAL_JOB_FAILED)
        found[step.name] = said.next or Next(own)
    return found


def sealed(look: Look, step: Step, status: StepStatus) -> Sealed | None:
    """Return what was found of a step that has succeeded, as long as the answer is there."""
    return _answer(look.run, status, look.seen) if step.outputs else None


def _answer(run: Manifest, status: StepStatus, seen: Seen) -> Sealed | None:
    job = seen.get("Job", job_name(run, _seal(status, seen), REPORT))
    return read_answer(job, Sealed, seen) if job is not None else None


def _seal(status: StepStatus, seen: Seen) -> str:
    """Return the name of what looks for the outputs of exactly this Job, not of one before it."""
    job = job_of(status, seen)
    return f"seal-{status.name}-{short_hash(job['metadata']['uid'] if job else '')}"


def _is_complete(job: Manifest | None) -> bool:
    return job is not None and is_true(job.get("status", {}).get("conditions"), "Complete")
