"""What azure-ai-ml asks for when it registers, finds and fetches models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Model
from azure.core.exceptions import ResourceNotFoundError

from fake_azure.bed import Bed

Connect = Callable[..., MLClient]


def _model(folder: Path, version: str = "1", name: str = "diabetes") -> Model:
    tags = {"comal.dev/run": "uid-1", "mse": "3295.71"}
    return Model(path=str(folder), name=name, version=version, tags=tags)


def test_a_registered_model_is_the_bytes_and_a_record(
    bed: Bed, connect: Connect, model_folder: Path, tmp_path: Path
) -> None:
    ml = connect()
    ml.models.create_or_update(_model(model_folder))
    found = ml.models.get("diabetes", "1")
    assert found.tags == {"comal.dev/run": "uid-1", "mse": "3295.71"}
    ml.models.download("diabetes", "1", download_path=tmp_path / "down")
    fetched = {one.name: one.read_bytes() for one in (tmp_path / "down").rglob("*.*")}
    assert fetched == {one.name: one.read_bytes() for one in model_folder.iterdir()}
    assert bed.journal.refused == []


def test_a_registration_is_one_put_after_reads(
    bed: Bed, connect: Connect, model_folder: Path
) -> None:
    connect().models.create_or_update(_model(model_folder))
    asked = bed.journal.calls("/workspaces/ml/")
    assert [(one.method, one.path.rpartition("/workspaces/ml")[2]) for one in asked] == [
        ("GET", "/models/diabetes/versions"),
        ("GET", "/datastores/workspaceblobstore"),
        ("POST", "/datastores/workspaceblobstore/listSecrets"),
        ("PUT", "/models/diabetes/versions/1"),
    ]


def test_the_same_again_changes_nothing(bed: Bed, connect: Connect, model_folder: Path) -> None:
    ml = connect()
    first = ml.models.create_or_update(_model(model_folder))
    again = ml.models.create_or_update(_model(model_folder))
    assert first.path == again.path
    assert list(bed.workspace.versions("models", "diabetes")) == ["1"]


def test_a_version_never_changes_its_bytes(bed: Bed, connect: Connect, model_folder: Path) -> None:
    ml = connect()
    first = ml.models.create_or_update(_model(model_folder))
    (model_folder / "model.onnx").write_bytes(b"another")
    with pytest.raises(Exception, match="cannot be changed"):
        ml.models.create_or_update(_model(model_folder))
    assert ml.models.get("diabetes", "1").path == first.path
    assert len(bed.workspace.versions("models", "diabetes")) == 1


def test_a_record_by_reference_moves_no_bytes(bed: Bed, connect: Connect) -> None:
    path = "azureml://datastores/workspaceblobstore/paths/models/diabetes/1"
    connect().models.create_or_update(Model(path=path, name="diabetes", version="1"))
    assert bed.journal.calls("listSecrets") == []
    [record] = bed.workspace.versions("models", "diabetes").values()
    assert record["properties"]["modelUri"].endswith("/paths/models/diabetes/1")


def test_a_long_list_comes_in_pages(bed: Bed, connect: Connect) -> None:
    ml = connect()
    for number in range(12):
        path = f"azureml://datastores/workspaceblobstore/paths/models/{number}"
        ml.models.create_or_update(Model(path=path, name="diabetes", version=str(number + 1)))
    bed.journal.clear()
    listed = {one.version for one in ml.models.list(name="diabetes")}
    assert listed == {str(number + 1) for number in range(12)}
    assert len(bed.journal.calls("/diabetes/versions$")) == 3


def test_latest_is_the_newest_made(connect: Connect) -> None:
    ml = connect()
    for version in ("9", "10"):
        path = f"azureml://datastores/workspaceblobstore/paths/models/{version}"
        ml.models.create_or_update(Model(path=path, name="diabetes", version=version))
    assert ml.models.get("diabetes", label="latest").version == "10"


def test_an_archived_version_is_hidden_and_stays(connect: Connect) -> None:
    ml = connect()
    path = "azureml://datastores/workspaceblobstore/paths/models/1"
    ml.models.create_or_update(Model(path=path, name="diabetes", version="1"))
    ml.models.archive("diabetes", "1")
    assert list(ml.models.list(name="diabetes")) == []
    assert ml.models.get("diabetes", "1").version == "1"


def test_what_is_not_there_is_named(connect: Connect) -> None:
    with pytest.raises(ResourceNotFoundError, match="diabetes:7 was not found"):
        connect().models.get("diabetes", "7")
    with pytest.raises(ResourceNotFoundError, match="workspace nowhere was not found"):
        connect(workspace_name="nowhere").workspaces.get("nowhere")


def test_an_identity_alone_reaches_the_bytes(
    bed: Bed, connect: Connect, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bed.workspace, "key", "")
    connect().models.create_or_update(_model(model_folder, name="by-identity"))
    assert bed.journal.calls("listSecrets") == []
    assert list(bed.workspace.versions("models", "by-identity")) == ["1"]
