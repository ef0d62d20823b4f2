"""Stands in for Azure ML: what the Jobs that call it leave in their termination messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comal_operator.core.names import LABEL_MODEL_VERSION
from comal_trainer.contract import JobError
from comal_trainer.contract.azure import (
    RECORD_COMMAND,
    AzureAnswer,
    AzureReason,
    read_entry,
    read_workspace,
)

COMPONENT = "azure"


def call_of(job: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is asked, and for which version; attempts are counted by both."""
    return _arguments(job)[0], job["metadata"]["labels"].get(LABEL_MODEL_VERSION, "")


def answer_of(job: Mapping[str, Any], attempt: int, refused: int) -> str:
    """Return the answer; of each record the first `refused` attempts may not be made."""
    command, target, *more = _arguments(job)
    workspace = read_workspace(target.removeprefix("--target="))
    if command != RECORD_COMMAND:
        return AzureAnswer(id=workspace.id, region="westeurope").encode()
    if attempt < refused:
        return AzureAnswer(
            error=JobError(AzureReason.FORBIDDEN, "it may not: give a role")
        ).encode()
    entry = read_entry(more[0].removeprefix("--entry="))
    return AzureAnswer(id=entry.id_in(workspace)).encode()


def _arguments(job: Mapping[str, Any]) -> list[str]:
    [container] = job["spec"]["template"]["spec"]["containers"]
    # As the kubelet passes them on.
    return [one.replace("$$(", "$(") for one in container["args"]]
