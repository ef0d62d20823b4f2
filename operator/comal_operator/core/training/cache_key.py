"""What makes two steps equal: all that a step can see, by content where it has one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comal_operator.api.image_status import ImageStatus
from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.api.training_run_status import DataStatus, StepStatus
from comal_operator.api.training_step import EnvVar, Step
from comal_operator.core.image_tags import pinned
from comal_operator.core.training.baseline import is_same_data
from comal_trainer import contract
from comal_trainer.contract.outputs import OUTPUTS_VERSION


class NotCacheableError(Exception):
    """Why no key can be told: something that the step sees has no content to go by."""


@dataclass(frozen=True)
class Inputs:
    """What the keys of a run's steps are made of."""

    spec: TrainingRunSpec
    steps: Mapping[str, StepStatus]
    data: Sequence[DataStatus]
    trainer_image: str
    images: Sequence[ImageStatus] = ()


def key_of(inputs: Inputs, step: Step) -> str:
    """Return 64 hex digits; raise NotCacheableError.

    Not part of it: the run's name, its source and experiment (what they change, the image and
    the parameters show), nodes, resources and limits.
    """
    spec, policy, distributed = inputs.spec, step.cache, step.distributed
    if step.role == "Evaluate" and is_same_data(spec.gate):
        raise NotCacheableError("it measures the version to beat, which is not always the same")
    seen: dict[str, Any] = {
        "contract": OUTPUTS_VERSION,
        "version": policy.version if policy else "",
        "image": _image(inputs, step),
        "command": step.command,
        "args": step.args,
        "env": [_variable(one) for one in sorted(step.env, key=lambda one: one.name)],
        "role": step.role,
        "workers": [distributed.framework, distributed.workers] if distributed else None,
        "parameters": dict(spec.parameters),
        "workspace": spec.workspace.mount_path,
        "model": spec.register_.path if spec.register_ else contract.DEFAULT_MODEL_PATH,
        "data": _data(inputs),
        "before": _before(inputs, step),
        "outputs": step.outputs,
    }
    text = json.dumps(seen, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def all_before(spec: TrainingRunSpec, step: str) -> tuple[str, ...]:
    """Return all steps that are done when `step` starts: what it can have read, in order."""
    names = [one.name for one in spec.steps]
    found: set[str] = set()
    left = [step]
    while left:
        index = names.index(left.pop())
        after = spec.steps[index].after
        direct = after if after is not None else names[max(index - 1, 0) : index]
        left += [name for name in direct if name not in found]
        found.update(direct)
    return tuple(name for name in names if name in found)


def _image(inputs: Inputs, step: Step) -> str:
    image = step.image or inputs.spec.image or inputs.trainer_image
    # The operator's own is named by its content, or as the installation vouches for it.
    if "@sha256:" in image or image == inputs.trainer_image:
        return image
    known = pinned(inputs.images, image)
    if known is not None:
        return known
    raise NotCacheableError(
        f"image {image} is a tag of which no registry told what it names: name it by @sha256:…"
    )


def _variable(one: EnvVar) -> dict[str, Any]:
    wire = one.to_env()
    # A Secret's content is not ours to read: it counts by its name and key.
    return {key: wire[key] for key in ("name", "value", "valueFrom") if key in wire}


def _data(inputs: Inputs) -> list[list[str]]:
    known = {one.name: one.digest for one in inputs.data}
    missing = next((one.name for one in inputs.spec.data if one.name not in known), None)
    if missing is not None:
        raise NotCacheableError(f"the digest of data source {missing} is not known")
    return [[one.name, known[one.name]] for one in inputs.spec.data]


def _before(inputs: Inputs, step: Step) -> list[list[str]]:
    """Return what the steps before left: by content, so that equal outputs are equal inputs."""
    listed = []
    for name in all_before(inputs.spec, step.name):
        digest = inputs.steps[name].outputs_digest
        if digest is None:
            raise NotCacheableError(
                f"step {name} before it has no outputs to compare: declare them in its outputs"
            )
        listed.append([name, digest])
    return listed
