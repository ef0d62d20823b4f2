"""What a run owes the cache: entries of what it has done, and no reservation longer than needed."""

from __future__ import annotations

from comal_operator.api.training_run_status import StepStatus
from comal_operator.api.training_step import Step
from comal_operator.core.children import owner_reference
from comal_operator.core.plan import Action, Apply, Create, Manifest, Question
from comal_operator.core.reasons import RunReason
from comal_operator.core.training import cache_entry
from comal_operator.core.training.cache import key_in
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.objects import claim_name
from comal_operator.core.training.on_its_way import on_its_way
from comal_operator.core.training.outputs import sealed
from comal_operator.core.training.restore import copied
from comal_operator.core.training.step_failed import failure
from comal_operator.core.training.steps import failed_step

_OVER = ("Succeeded", "Cached", "Failed", "Stopped")


def keep_cache(look: Look) -> Next | None:
    """Return what the run owes the cache now; None when nothing.

    Nothing of it holds up the run: an entry that the API server refuses is not made.
    """
    questions: list[Question] = []
    for step, status in zip(look.spec.steps, look.steps, strict=True):
        key = key_in(look, step) if status.state == "Succeeded" else None
        if key is None:
            continue
        name = cache_entry.entry_name(key)
        asked = cache_entry.asked(key)[0]
        if look.seen.get("ConfigMap", name) is None and asked not in look.seen.answers:
            questions.append(asked)
            continue
        action = _entry(look, step, status, key)
        if action is not None:
            return Next(_state(look), (action,))
    if questions:
        return Next(_state(look), questions=tuple(questions))
    actions = (*_kept_claim(look), *_released(look), *copied(look))
    return Next(_state(look), actions) if actions else None


def _state(look: Look) -> State:
    failed = failed_step(look.spec, look.steps)
    if failed is None:
        return on_its_way(look)
    return State("Going", RunReason.RUNNING, f"step {failed.name} {failure(failed)}", failed.name)


def _entry(look: Look, step: Step, status: StepStatus, key: str) -> Action | None:
    """Return what makes the step's entry, or clears its place; None when one stands that is good.

    The older of two good entries stays: others may have been hits of it already.
    """
    name = cache_entry.entry_name(key)
    there = cache_entry.find(look.seen, name)
    entry = cache_entry.read_entry(there, key)
    policy = step.cache
    if policy is None or ("ConfigMap", name) in look.seen.refusals:
        return None
    if entry is not None and entry.run_uid == look.run["metadata"]["uid"]:
        return None
    replaces = policy.mode == "Refresh" or (
        entry is not None and entry.is_older(policy.max_age, look.now)
    )
    if entry is not None and not replaces:
        return None
    answer = sealed(look, step, status)
    if answer is None or answer.error is not None:
        return None
    if there is not None:
        return cache_entry.delete_config_map(there) if entry is not None else None
    outputs = list(zip(step.outputs, answer.outputs, strict=True))
    claim = claim_name(look.run, look.spec)
    manifest = cache_entry.entry_manifest(
        look.run, step.name, key, claim=claim, outputs=outputs, now=look.now
    )
    return Create(manifest)


def _kept_claim(look: Look) -> tuple[Action, ...]:
    """Return what makes the run's claim stay as long as its entries."""
    workspace, run = look.spec.workspace, look.run
    name = claim_name(run, look.spec)
    claim = look.seen.get("PersistentVolumeClaim", name)
    mine = [one for one in look.seen.all("ConfigMap") if _is_own_entry(one, look)]
    # A claim without an owner stays anyhow; with an entry as its only one it would not.
    if claim is None or workspace.retain or workspace.existing_claim or not mine:
        return ()
    if ("PersistentVolumeClaim", name) in look.seen.refusals:
        return ()
    owners = {one.get("uid") for one in claim["metadata"].get("ownerReferences") or ()}
    wanted = [cache_entry.owner_of_claim(one) for one in mine]
    if owners.issuperset(one["uid"] for one in wanted):
        return ()
    metadata = {
        "name": name,
        "namespace": run["metadata"]["namespace"],
        "ownerReferences": [owner_reference(run), *wanted],
    }
    kept = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}
    return (Apply((kept,)),)


def _is_own_entry(manifest: Manifest, look: Look) -> bool:
    key = (manifest.get("data") or {}).get("key", "")
    entry = cache_entry.read_entry(manifest, key)
    return entry is not None and entry.run_uid == look.run["metadata"]["uid"]


def _released(look: Look) -> tuple[Action, ...]:
    """Return the deletion of the run's reservations for steps that it is not at any more."""
    states = {step.name: step.state for step in look.steps}
    stops = look.spec.suspend or look.spec.cancel or failed_step(look.spec, look.steps) is not None
    return tuple(
        cache_entry.delete_config_map(one)
        for one in look.seen.all("ConfigMap")
        if cache_entry.is_reservation(one, look.run)
        and (stops or states.get(one["data"]["step"], "Failed") in _OVER)
        and not one["metadata"].get("deletionTimestamp")
    )
