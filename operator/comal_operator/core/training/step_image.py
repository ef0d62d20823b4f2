"""Which image the next Job of a step has: what it names, as it was when the run began.

A tag may be pushed again while the run goes on. Its registry was asked before the first Job
(images.py). Where it could not be, once a container of the run was started under the tag every
later Job under the same name has the digest that ran.
"""

from __future__ import annotations

import re

from comal_operator.api.training_run_status import StepStatus
from comal_operator.api.training_step import Step
from comal_operator.core.image_tags import pinned
from comal_operator.core.training.default_image import default_image
from comal_operator.core.training.look import Look
from comal_trainer.contract.images import reference, without_tag

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def step_image(look: Look, step: Step) -> str:
    """Return the image of the step's next Job."""
    named = step.image or look.spec.image
    if named is None:
        return default_image(look.run, look.seen, look.settings)
    if "@" in named:
        return named
    told = pinned(look.status.images, named)
    return told or next(iter(_ran_as(look, step, named)), named)


def _ran_as(look: Look, step: Step, named: str) -> list[str]:
    """Return what `named` was when it ran, the step's own attempts first."""
    known = {one.name: one for one in look.steps}
    others = [other for other in look.spec.steps if other.name != step.name]
    same = [one for one in (step, *others) if (one.image or look.spec.image) == named]
    pinned = (_pinned(named, known.get(one.name)) for one in same)
    return [image for image in pinned if image is not None]


def _pinned(named: str, ran: StepStatus | None) -> str | None:
    """Return `named` by digest; None where the runtime told none that its registry would know.

    An image that was loaded into a node by hand has an id of that node, or another's name.
    """
    told = ((ran.image if ran else None) or "").removeprefix("docker-pullable://")
    repository, _, digest = told.partition("@")
    same = reference(repository).full_name == reference(named).full_name
    if not _DIGEST.fullmatch(digest) or not same:
        return None
    return f"{without_tag(named)}@{digest}"
