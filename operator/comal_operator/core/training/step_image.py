"""Which image the next Job of a step has: what it names, as it was when it first ran.

A tag may be pushed again while the run goes on. Once a container of the run was started under it,
every later Job under the same name has the digest that ran: attempts at a step, and steps that
share an image, do not change midway. Before that nothing is known of it, here as on any node.
"""

from __future__ import annotations

import re

from comal_operator.api.training_run_status import StepStatus
from comal_operator.api.training_step import Step
from comal_operator.core.training.default_image import default_image
from comal_operator.core.training.look import Look

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HUB = "docker.io"


def step_image(look: Look, step: Step) -> str:
    """Return the image of the step's next Job."""
    named = step.image or look.spec.image
    if named is None:
        return default_image(look.run, look.seen, look.settings)
    if "@" in named:
        return named
    return next(iter(_ran_as(look, step, named)), named)


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
    mine = _without_tag(named)
    if not _DIGEST.fullmatch(digest) or _full(repository) != _full(mine):
        return None
    return f"{mine}@{digest}"


def _without_tag(image: str) -> str:
    head, slash, last = image.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def _full(repository: str) -> str:
    """Return the name with the registry that it leaves out, as runtimes write it."""
    first, slash, rest = repository.partition("/")
    if not slash:
        return f"{_HUB}/library/{repository}"
    if first == f"index.{_HUB}":
        return f"{_HUB}/{rest}"
    is_host = "." in first or ":" in first or first == "localhost"
    return repository if is_host else f"{_HUB}/{repository}"
