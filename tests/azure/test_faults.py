"""How azure-ai-ml tells each trouble, and that it gives up after the tries that we allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Model
from azure.core.exceptions import (
    AzureError,
    DecodeError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceResponseError,
)

from fake_azure.bed import Bed
from fake_azure.journal import Fault

Connect = Callable[..., MLClient]
_VERSION = "/models/diabetes/versions/1$"


def _register(ml: MLClient) -> Any:
    path = "azureml://datastores/workspaceblobstore/paths/models/1"
    return ml.models.create_or_update(Model(path=path, name="diabetes", version="1"))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, HttpResponseError),
        (403, HttpResponseError),
        (404, ResourceNotFoundError),
        (409, ResourceExistsError),
        (412, HttpResponseError),
    ],
)
def test_a_refusal_is_told_at_once(
    bed: Bed, connect: Connect, status: int, error: type[AzureError]
) -> None:
    bed.journal.order(Fault(path=_VERSION, status=status, times=9))
    with pytest.raises(error) as raised:
        connect().models.get("diabetes", "1")
    assert getattr(raised.value, "status_code", None) == status
    assert len(bed.journal.calls(_VERSION)) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_short_trouble_is_tried_again(bed: Bed, connect: Connect, status: int) -> None:
    ml = connect()
    _register(ml)
    bed.journal.clear()
    bed.journal.order(Fault(path=_VERSION, status=status, headers={"Retry-After": "0"}))
    assert ml.models.get("diabetes", "1").version == "1"
    assert [one.status for one in bed.journal.calls(_VERSION)] == [status, 200]


def test_a_storm_ends_after_the_allowed_tries(bed: Bed, connect: Connect) -> None:
    bed.journal.order(Fault(path=_VERSION, status=500, times=99))
    with pytest.raises(HttpResponseError) as raised:
        connect(retry_total=2).models.get("diabetes", "1")
    assert raised.value.status_code == 500
    assert len(bed.journal.calls(_VERSION)) == 3


def test_a_black_hole_ends_by_the_time_out(bed: Bed, connect: Connect) -> None:
    bed.journal.order(Fault(path=_VERSION, is_black_hole=True, times=9))
    with pytest.raises(ServiceResponseError, match="Read timed out"):
        connect(retry_total=0, read_timeout=1).models.get("diabetes", "1")


def test_garbage_is_no_answer(bed: Bed, connect: Connect) -> None:
    bed.journal.order(Fault(path=_VERSION, body="{garbage", times=9))
    with pytest.raises(DecodeError):
        connect().models.get("diabetes", "1")


def test_a_model_without_flavors_breaks_the_sdk(bed: Bed, connect: Connect) -> None:
    """The SDK reads `flavors` unseen (1.35.2): whoever calls it must expect any exception."""
    ml = connect()
    _register(ml)
    bed.journal.order(Fault(path=_VERSION, drop="properties.flavors"))
    with pytest.raises(AttributeError, match="items"):
        ml.models.get("diabetes", "1")


def test_a_lost_answer_registers_once(bed: Bed, connect: Connect) -> None:
    bed.journal.order(Fault(path=_VERSION, method="PUT", is_lost=True))
    assert _register(connect()).version == "1"
    assert len(bed.journal.calls(_VERSION, "PUT")) == 2
    assert list(bed.workspace.versions("models", "diabetes")) == ["1"]


def test_no_other_host_is_ever_called(bed: Bed, connect: Connect) -> None:
    _register(connect())
    assert bed.journal.refused == []
    hosts = {one.host for one in bed.journal.asked}
    assert hosts <= {"management.azure.com", "login.microsoftonline.com"}
