"""What the tags of a run name: asked once by a Job of its own, before the first step has one.

status.images is the memory. A registry that says no keeps the run from starting; one that cannot
be asked leaves it to the first node (step_image.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from comal_operator.api.image_status import ImageStatus
from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.api.training_run_status import StepStatus, TrainingRunStatus
from comal_operator.core.children import child_metadata
from comal_operator.core.conditions import find, is_true
from comal_operator.core.image_tags import (
    COMMAND,
    asking_pod,
    found_in,
    job_spec,
    left_to_nodes,
    pause,
    pinned,
    remedy,
    to_resolve,
)
from comal_operator.core.names import LABEL_STEP
from comal_operator.core.plan import Manifest, Settings
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.default_image import default_image, sweep_of
from comal_operator.core.training.look import Facts, Look, Next, State
from comal_operator.core.training.objects import (
    CONTAINER,
    IMAGES,
    job_name,
    run_child_name,
    run_labels,
)
from comal_operator.core.training.report import delete, report, why
from comal_trainer.contract.images import ResolvedImages

_REFUSED = (RunReason.IMAGE_NOT_FOUND, RunReason.IMAGE_PULL_DENIED)


def tags(spec: TrainingRunSpec, own: Sequence[str], settings: Settings) -> list[str]:
    """Return the images of the run that registries are asked for."""
    return to_resolve((step.image or spec.image for step in spec.steps), own, settings)


def with_images(
    spec: TrainingRunSpec, steps: Sequence[StepStatus], images: Sequence[ImageStatus]
) -> tuple[StepStatus, ...]:
    """Return the steps; of those that nothing ran of yet with the image that they will run."""
    if not images:
        return tuple(steps)
    named = {step.name: step.image or spec.image for step in spec.steps}
    return tuple(
        step
        if step.image or not (image := pinned(images, named.get(step.name) or ""))
        else step.model_copy(update={"image": image})
        for step in steps
    )


def resolve_images(look: Look) -> Next | None:
    """Return how the run's tags become digests; None once it is known, or cannot be known."""
    own = (look.settings.trainer_image, default_image(look.run, look.seen, look.settings))
    asked = tags(look.spec, own, look.settings)
    if look.status.images or not asked or _has_begun(look.status):
        return None
    inherited = _of_the_sweep(look, asked)
    if inherited:
        return _remembered(look, inherited)
    state = _asking(look, asked)
    job = _job(look, asked)
    live = look.seen.get("Job", job["metadata"]["name"])
    conditions = (live or {}).get("status", {}).get("conditions")
    if live is not None and is_true(conditions, "Failed"):
        return _remembered(look, left_to_nodes(asked, f"its Job failed: {why(live, look)}"))
    told = report(look, job, ResolvedImages, state, RunReason.RESOLVING_IMAGES)
    if told.answer is None or live is None:
        return told.next or Next(state)
    found = found_in(told.answer, asked)
    if found.refused is None:
        return _remembered(look, found.images)
    left = pause(live["status"].get("completionTime"), look.status.start_time, look.now)
    if left is None:
        return Next(state, (delete(live),))
    image = asked[found.refused.index]
    text = remedy(image, _field(look.spec, image), found.refused)
    refused = State("Stalled", RunReason(found.refused.reason), text, COMMAND)
    return Next(refused, look_again=left)


def _has_begun(status: TrainingRunStatus) -> bool:
    """Return whether something runs by its tag already: under an operator that did not ask."""
    trials = status.sweep is not None and bool(status.sweep.trials)
    return trials or any(step.attempts or step.state != "Pending" for step in status.steps)


def _of_the_sweep(look: Look, asked: Sequence[str]) -> tuple[ImageStatus, ...]:
    """Return what the sweep found of all that this trial runs: all trials run the same."""
    sweep = sweep_of(look.run, look.seen) or {}
    status = TrainingRunStatus.model_validate(sweep.get("status") or {})
    known = {one.name: one for one in status.images}
    return tuple(known[image] for image in asked) if known.keys() >= set(asked) else ()


def _asking(look: Look, asked: Sequence[str]) -> State:
    """Return the state of a run whose registries are asked: what one said before still counts."""
    old = find(look.run.get("status", {}).get("conditions"), "Ready") or {}
    if old.get("reason") in _REFUSED:
        return State("Stalled", RunReason(old["reason"]), str(old["message"]), COMMAND)
    text = f"asking the registry what is under {', '.join(asked)}"[:1024]
    return State("Going", RunReason.RESOLVING_IMAGES, text, COMMAND)


def _remembered(look: Look, images: Sequence[ImageStatus]) -> Next:
    """Return the state that remembers what was found; the next look goes on from it."""
    steps = [step.to_wire() for step in with_images(look.spec, look.steps, images)]
    memory: dict[str, Any] = {"images": [one.to_wire() for one in images], "steps": steps}
    text = f"{sum(one.digest is not None for one in images)} of {len(images)} tags are resolved"
    return Next(State("Going", RunReason.RESOLVING_IMAGES, text, COMMAND, Facts(memory=memory)))


def _field(spec: TrainingRunSpec, image: str) -> str:
    step = next((one.name for one in spec.steps if one.image == image), None)
    return f"image of step {step}" if step is not None else "spec.image"


def _job(look: Look, asked: Sequence[str]) -> Manifest:
    named = look.spec.service_account_name
    live = look.seen.get("ServiceAccount", named) if named else None
    account = named or run_child_name(look.run, "training")
    template = asking_pod(asked, (account, live), CONTAINER, look.settings)
    labels = run_labels(look.run, IMAGES, **{LABEL_STEP: f"comal-{COMMAND}"})
    template["metadata"]["labels"] |= labels
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": child_metadata(look.run, job_name(look.run, COMMAND, IMAGES), labels),
        "spec": job_spec(template),
    }
