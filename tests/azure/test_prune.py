"""`azure-prune` against the bed: what is gone goes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from azure.ai.ml.entities import Model

from azure_caller import ENTRY, TAGS, Caller, message_of, reason_of
from comal_trainer.contract.azure import (
    OWNER_TAG,
    REGISTRY_TAG,
    AzureAnswer,
    Gone,
    prune_arguments,
)
from fake_azure.bed import Bed
from fake_azure.journal import Fault

GONE = Gone(registry="mine", namespace="team", models={"diabetes": ((1, 2),), "never": ((1, 9),)})


def put(ml: Any, version: int, **tags: str) -> None:
    """Write a record as the record Job does."""
    ours = {OWNER_TAG: f"team/diabetes-v{version}", REGISTRY_TAG: "mine"}
    path = f"azureml://datastores/workspaceblobstore/paths/models/{version}"
    model = Model(path=path, name="diabetes", version=str(version), tags={**ours, **tags})
    ml.models.create_or_update(model)


def prune(caller: Caller) -> AzureAnswer:
    return caller.ask(prune_arguments(caller.workspace, GONE))


def test_what_is_gone_is_deleted_and_the_rest_stays(
    bed: Bed, caller: Caller, connect: Callable[..., Any]
) -> None:
    ml = connect()
    for version in (1, 2, 3):
        put(ml, version)
    ml.models.archive("diabetes", "1")
    assert prune(caller) == AzureAnswer(id=bed.workspace.id)
    assert list(bed.workspace.versions("models", "diabetes")) == ["3"]
    assert prune(caller).error is None
    assert len(bed.journal.calls(method="DELETE")) == 2
    assert bed.journal.refused == []


@pytest.mark.parametrize(
    "tags",
    [
        {REGISTRY_TAG: "of-another-cluster"},
        {OWNER_TAG: "others/diabetes-v1"},
        {OWNER_TAG: "team/diabetes-v2"},
    ],
)
def test_what_is_not_ours_is_never_deleted(
    bed: Bed, caller: Caller, connect: Callable[..., Any], tags: dict[str, str]
) -> None:
    put(connect(), 1, **tags)
    assert prune(caller).error is None
    assert bed.journal.calls(method="DELETE") == []


def test_what_the_record_job_writes_is_known_again(bed: Bed, caller: Caller) -> None:
    assert caller.record(replace(ENTRY, tags={**TAGS, REGISTRY_TAG: "mine"})).error is None
    assert prune(caller).error is None
    assert bed.workspace.versions("models", "diabetes") == {}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(path="/versions/1$", method="DELETE", status=403, times=9), "AzureForbidden"),
        (Fault(path="/versions/1$", method="DELETE", status=500, times=99), "AzureUnavailable"),
        (Fault(path="/versions$", status=429, times=99), "AzureThrottled"),
    ],
    ids=["403", "500 storm", "429"],
)
def test_trouble_is_named_and_the_next_attempt_heals(
    bed: Bed, caller: Caller, connect: Callable[..., Any], fault: Fault, reason: str
) -> None:
    put(connect(), 1)
    bed.journal.order(fault)
    answer = prune(caller)
    assert reason_of(answer) == reason, answer
    assert "Ordered" in message_of(answer)
    bed.journal.clear()
    assert prune(caller).error is None
    assert bed.workspace.versions("models", "diabetes") == {}


def test_an_answer_that_was_lost_is_no_failure(
    bed: Bed, caller: Caller, connect: Callable[..., Any]
) -> None:
    put(connect(), 1)
    bed.journal.order(Fault(path="/versions/1$", method="DELETE", is_lost=True))
    assert prune(caller).error is None
    assert bed.workspace.versions("models", "diabetes") == {}
