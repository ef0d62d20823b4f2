"""Copying the outputs of hits into the workspace, before the first step that reads them starts.

One small Job does it, not an init container of each reader: workers of a gang and steps side by
side would copy at once over each other, and a GPU would wait for a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from comal_operator.api.training_step import Step
from comal_operator.core.children import is_ours
from comal_operator.core.names import LABEL_STEP, short_hash
from comal_operator.core.plan import Action, Manifest
from comal_operator.core.reasons import RunReason
from comal_operator.core.training import cache_entry
from comal_operator.core.training.cache import entry_in, is_settled
from comal_operator.core.training.cache_entry import Entry
from comal_operator.core.training.cache_key import all_before
from comal_operator.core.training.jobs import built_in_job
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.objects import REPORT, claim_name
from comal_operator.core.training.on_its_way import on_its_way
from comal_operator.core.training.parts import JobParts
from comal_operator.core.training.pods import pods_of, unschedulable
from comal_operator.core.training.report import delete, report
from comal_operator.core.training.sweep_trial import is_trial
from comal_trainer.contract.outputs import CACHE_DIR, Restored, restore_arguments

# Seconds; made again where its answer is still needed, it finds its copy and is done.
_KEPT = 600
_HASH = 8


def restore_for(look: Look, steps: Sequence[Step]) -> Next | None:
    """Return how the hits that these steps read come into the workspace; None once they are."""
    read = {name for step in steps for name in all_before(look.spec, step.name)}
    return _restored(look, read)


def restore_all(look: Look) -> Next | None:
    """Return how the hits come into the workspace that nothing has read when all steps are done."""
    if look.spec.register_ is None and not is_trial(look.run):
        return None
    return _restored(look, {step.name for step in look.spec.steps})


def _restored(look: Look, names: set[str]) -> Next | None:
    for step, status in zip(look.spec.steps, look.steps, strict=True):
        unread = status.state == "Cached" and not is_settled(look.spec, look.steps, step.name)
        if step.name in names and unread:
            entry = entry_in(look, step)
            following = _one(look, step, entry) if entry is not None else None
            if following is not None:
                return following
    return None


def _one(look: Look, step: Step, entry: Entry) -> Next | None:
    text = f"copying the outputs of step {step.name} from run {entry.run}"
    state = replace(on_its_way(look), message=text, active_step=step.name)
    job = restore_job(look, step, entry)
    live = look.seen.get("Job", job["metadata"]["name"])
    if live is not None and _claim_is_gone(live, entry, look):
        return _give_up(look, state, entry, live)
    said = report(look, job, Restored, state, RunReason.RESTORE_JOB_FAILED)
    if said.answer is None:
        return said.next or Next(state)
    if said.answer.error is not None and live is not None:
        return _give_up(look, state, entry, live)
    return None


def _give_up(look: Look, state: State, entry: Entry, job: Manifest) -> Next:
    """Return the end of an entry that is not what it says: then the step is no hit."""
    there = cache_entry.find(look.seen, entry.name)
    actions = (cache_entry.delete_config_map(there),) if there is not None else ()
    return Next(state, (*actions, delete(job)))


def restore_job(look: Look, step: Step, entry: Entry) -> Manifest:
    """Return the Job that copies what `entry` lists, verified on the way."""
    own = claim_name(look.run, look.spec)
    source = f"{CACHE_DIR}/{step.name}"
    # A claim cannot go while a Pod names it, even one that is through.
    brief = {"ttlSecondsAfterFinished": _KEPT}
    parts = JobParts(job=brief)
    if entry.claim == own:
        source = look.spec.workspace.mount_path
    else:
        claim = {"claimName": entry.claim, "readOnly": True}
        parts = JobParts(
            job=brief,
            volumes=({"name": "cache", "persistentVolumeClaim": claim},),
            mounts=({"name": "cache", "mountPath": source, "readOnly": True},),
        )
    # Another entry is another Job: what this one found is not about that.
    name = f"{_name(step.name)}{short_hash(entry.uid)}"
    arguments = restore_arguments(step.name, entry.outputs, source=source)
    return built_in_job(look, name, arguments, parts)


def copied(look: Look) -> tuple[Action, ...]:
    """Return the deletion of the Jobs that nobody waits for any more: they hold another's claim.

    Their copies are being read, or were refused, so that the step runs itself.
    """
    names = [
        _name(step.name)
        for step in look.steps
        if step.state not in ("Cached", "Pending")
        or (step.state == "Cached" and is_settled(look.spec, look.steps, step.name))
    ]
    return tuple(
        delete(job)
        for job in look.seen.all("Job")
        if is_ours(job, look.run)
        and job["metadata"]["labels"].get("app.kubernetes.io/component") == REPORT
        and job["metadata"]["labels"].get(LABEL_STEP, "")[:-_HASH] in names
        and "deletionTimestamp" not in job["metadata"]
    )


def _name(step: str) -> str:
    return f"restore-{step}-"


def _claim_is_gone(job: Manifest, entry: Entry, look: Look) -> bool:
    words = f'persistentvolumeclaim "{entry.claim}" '
    said = [unschedulable(pod) for pod in pods_of(job, look.seen)]
    return any(f"{words}not found" in text or f"{words}is being deleted" in text for text in said)
