"""Where a step saves its state, and how long it may take to do so."""

from __future__ import annotations

from comal_operator.api.training_step import Step
from comal_operator.core.training.look import Look
from comal_operator.core.training.parts import JobParts
from comal_trainer.contract.step_environment import CHECKPOINT_DIR_ENV

# The kubelet needs a moment of its own to stop a container that has just saved.
_MARGIN = 5


def parts(look: Look, step: Step) -> JobParts:
    """Return what the step's checkpoint adds to its Job: the same folder for every attempt."""
    checkpoint = step.checkpoint
    if checkpoint is None:
        return JobParts()
    folder = f"{look.spec.workspace.mount_path}/{checkpoint.path.rstrip('/')}"
    return JobParts(
        env=({"name": CHECKPOINT_DIR_ENV, "value": folder},),
        pod={"terminationGracePeriodSeconds": checkpoint.grace_seconds + _MARGIN},
    )
