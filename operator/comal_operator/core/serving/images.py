"""What the tag of `spec.image` names: asked once by a Job, before a revision is made with it.

The revision's snapshot keeps the digest: what is pushed under the tag later runs only in a revision
that is made later. A registry that cannot be asked leaves it to each node, as the tag stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.core.children import child_metadata, is_ours
from comal_operator.core.conditions import find, is_true
from comal_operator.core.image_tags import (
    asking_pod,
    found_in,
    job_spec,
    pause,
    pinned,
    remedy,
    to_resolve,
)
from comal_operator.core.names import child_name, short_hash
from comal_operator.core.plan import Action, Create, Delete, Manifest, Ref, Seen, Settings
from comal_operator.core.serving.labels import IMAGES, serving_labels
from comal_operator.core.serving.last_words import last_words
from comal_operator.core.serving.pods import service_account_name
from comal_operator.core.serving.problems import problem_of
from comal_operator.core.serving.reasons import ResolutionReason as Reason
from comal_operator.core.serving.resolution import Unresolved
from comal_trainer.contract import ContractError
from comal_trainer.contract.images import ResolvedImages

_AGAIN: Final = timedelta(seconds=10)
_KEPT_SECONDS: Final = 3600
_REFUSED: Final = (Reason.IMAGE_NOT_FOUND, Reason.IMAGE_PULL_DENIED)


@dataclass(frozen=True)
class Tagged:
    """How far the image of a revision is that is to be made."""

    image: str | None = None
    """What its Pods run, once nothing more is to be found out; None: the operator's own."""
    unresolved: Unresolved | None = None
    """Why that is not known yet."""
    action: Action | None = None
    """The Job that is due, or the end of one that was told no long enough ago."""
    again: timedelta | None = None


def tags(spec: ModelDeploymentSpec, settings: Settings) -> list[str]:
    """Return the endpoint's image if its registry is to be asked for it."""
    own = (settings.scorer_image, settings.scorer_tensorflow_image)
    return to_resolve([spec.image], own, settings)


def tagged(
    mdep: Manifest, spec: ModelDeploymentSpec, revision: str, at: tuple[Seen, datetime, Settings]
) -> Tagged:
    """Return what the image is of a revision that has no snapshot yet."""
    seen, now, settings = at
    asked = tags(spec, settings)
    if not asked:
        return Tagged(spec.image)
    [image] = asked
    wanted = _job(mdep, revision, image, seen, settings)
    name = wanted["metadata"]["name"]
    if ("Job", name) in seen.refusals:
        text = f"Job {name} was refused: {seen.refusals['Job', name]}"
        return Tagged(unresolved=Unresolved(Reason.RESOLVING_IMAGES, text), again=_AGAIN)
    job = seen.get("Job", name)
    if job is None:
        return Tagged(unresolved=_asking(mdep, image), action=Create(wanted))
    conditions = (job.get("status") or {}).get("conditions")
    if not is_ours(job, mdep) or is_true(conditions, "Failed"):
        return Tagged(image)
    pods = [pod for pod in seen.all("Pod") if is_ours(pod, job)]
    if not is_true(conditions, "Complete"):
        problem = problem_of(pods)
        why = f"; its Job: {problem.reason}: {problem.message}" if problem else ""
        return Tagged(unresolved=_asking(mdep, image, why))
    answer = next((said for pod in pods if (said := _answer(pod)) is not None), None)
    asked_anew = Delete(Ref.of(job), job["metadata"]["uid"])
    if answer is None:
        # A Pod that is there has ended, and its watch is late.
        return Tagged(unresolved=_asking(mdep, image), action=None if pods else asked_anew)
    found = found_in(answer, asked)
    if found.refused is None:
        return Tagged(pinned(found.images, image) or image)
    left = pause(job["status"].get("completionTime"), _refused_since(mdep), now)
    told = Unresolved(Reason(found.refused.reason), remedy(image, "spec.image", found.refused))
    return Tagged(unresolved=told, again=left, action=asked_anew if left is None else None)


def _said(mdep: Manifest) -> Mapping[str, str]:
    """Return the condition that told what a registry said."""
    conditions = (mdep.get("status") or {}).get("conditions")
    told = find(conditions, "ModelResolved") or {}
    return told if told.get("reason") in _REFUSED else {}


def _refused_since(mdep: Manifest) -> str | None:
    return _said(mdep).get("lastTransitionTime")


def _asking(mdep: Manifest, image: str, why: str = "") -> Unresolved:
    """Return what is said while a registry is asked: its last no counts until it says more."""
    told = _said(mdep)
    if f"{image}: " in told.get("message", ""):
        return Unresolved(Reason(told["reason"]), told["message"])
    text = f"asking the registry what is under {image}{why}"
    return Unresolved(Reason.RESOLVING_IMAGES, text, waits=True)


def _answer(pod: Manifest) -> ResolvedImages | None:
    words = last_words(pod)
    try:
        return ResolvedImages.decode(words) if words is not None else None
    except ContractError:
        # Of another version of the command: nothing is known of the image.
        return ResolvedImages()


def _job(mdep: Manifest, revision: str, image: str, seen: Seen, settings: Settings) -> Manifest:
    account = service_account_name(mdep)
    template = asking_pod([image], (account, seen.get("ServiceAccount", account)), IMAGES, settings)
    marks = serving_labels(mdep, IMAGES)
    template["metadata"]["labels"] |= marks
    which = short_hash(mdep["metadata"]["uid"], revision)
    name = child_name(mdep["metadata"]["name"], IMAGES, which)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": child_metadata(mdep, name, marks),
        "spec": {**job_spec(template), "ttlSecondsAfterFinished": _KEPT_SECONDS},
    }
