"""`azure-import` as the Job starts it, against the bed: models of anybody's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml.entities import Model

from azure_caller import ENTRY, Caller, message_of, reason_of
from comal_trainer.azure_ml import record as calls
from comal_trainer.contract.azure import AzureAnswer, Origin
from fake_azure.bed import Bed
from fake_azure.journal import Fault


@pytest.fixture
def theirs(bed: Bed, connect: Callable[..., Any], tmp_path: Path) -> Path:
    """A model that somebody registered with the SDK alone, in a folder and in two versions."""
    folder = tmp_path / "theirs"
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "part.bin").write_bytes(bytes(range(256)) * 40_000)
    for version in ("7", "9"):
        (folder / "model.onnx").write_bytes(version.encode() * 5_000_000)
        connect().models.create_or_update(
            Model(path=str(folder), name="Taco_Net", version=version, type="custom_model")
        )
    return folder


@pytest.fixture
def asking(caller: Caller, theirs: Path) -> Caller:
    """Whoever asks for that model."""
    return caller


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("version", ["9", ""])
def test_a_model_of_somebody_elses_comes_byte_by_byte(
    bed: Bed, caller: Caller, theirs: Path, version: str
) -> None:
    answer = caller.bring(Origin(model="Taco_Net", version=version))
    assert answer == AzureAnswer(id=f"{bed.workspace.id}/models/Taco_Net/versions/9")
    assert _digests(caller.brought) == _digests(theirs)
    assert bed.journal.refused == []


def test_an_older_version_comes_by_its_number(caller: Caller, theirs: Path) -> None:
    assert caller.bring(Origin(model="Taco_Net", version="7")).error is None
    assert (caller.brought / "model.onnx").read_bytes() == b"7" * 5_000_000


def test_a_model_that_is_one_file_gets_that_name(
    caller: Caller, connect: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "one.onnx").write_bytes(b"\x08")
    connect().models.create_or_update(Model(path=str(tmp_path / "one.onnx"), name="one"))
    assert caller.bring(Origin(model="one")).error is None
    assert _digests(caller.brought) == {"one.onnx": hashlib.sha256(b"\x08").hexdigest()}


def test_what_we_recorded_comes_back_whole(caller: Caller) -> None:
    assert caller.record(ENTRY).error is None
    assert caller.bring(Origin(model="diabetes", version="2")).error is None
    assert _digests(caller.brought) == _digests(caller.folder / "model")


def test_a_datastore_may_have_a_signature_instead_of_a_key(
    bed: Bed, caller: Caller, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bed.workspace, "signature", bed.signature(lifetime=timedelta(hours=1)))
    assert caller.bring(Origin(model="Taco_Net", version="9")).error is None
    assert _digests(caller.brought) == _digests(theirs)


def test_a_signature_that_is_over_is_told_without_it(
    bed: Bed,
    caller: Caller,
    theirs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bed.workspace, "signature", bed.signature(lifetime=timedelta(hours=-1)))
    answer = caller.bring(Origin(model="Taco_Net", version="9"))
    assert reason_of(answer) == "AzureForbidden", answer
    said = "".join((*capfd.readouterr(), message_of(answer)))
    assert "listing the files" in said
    assert bed.workspace.signature.rpartition("sig=")[2] not in said


def test_a_torn_download_is_tried_again(bed: Bed, caller: Caller, theirs: Path) -> None:
    (caller.brought / "weights").mkdir(parents=True)
    (caller.brought / "weights" / "part.bin.partial").write_bytes(b"half")
    assert caller.bring(Origin(model="Taco_Net", version="9")).error is None
    assert _digests(caller.brought) == _digests(theirs)


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        (Fault(path="/versions/9$", status=401, times=9), "AzureAuthFailed", "Secret principal"),
        (Fault(path="/versions/9$", status=403, times=9), "AzureForbidden", "looking for model"),
        (Fault(path="/workspaces/ml$", status=404), "WorkspaceNotFound", "ml-group"),
        (
            Fault(path="/datastores/workspaceblobstore$", status=404),
            "AzureModelUnreadable",
            "datastore workspaceblobstore is gone",
        ),
        (Fault(path="/listSecrets$", method="POST", status=403), "AzureForbidden", "datastore"),
        (Fault(path="/versions/9$", status=500, times=99), "AzureUnavailable", "HTTP 500"),
        (Fault(path="/versions/9$", body="{no", times=99), "AzureUnavailable", "no JSON"),
    ],
    ids=["401", "403", "no workspace", "no datastore", "no key", "500 storm", "garbage"],
)
def test_each_trouble_has_a_name(
    asking: Caller, bed: Bed, fault: Fault, reason: str, words: str
) -> None:
    bed.journal.order(fault)
    answer = asking.bring(Origin(model="Taco_Net", version="9"))
    assert reason_of(answer) == reason, answer
    assert words in message_of(answer)


@pytest.mark.parametrize("version", ["8", ""])
def test_a_model_that_is_not_there_is_named(caller: Caller, version: str) -> None:
    answer = caller.bring(Origin(model="Burrito", version=version))
    assert reason_of(answer) == "AzureModelNotFound"
    assert f"azureml:Burrito{':8' if version else '@latest'}" in message_of(answer)


def test_whoever_asks_for_patience_gets_it(bed: Bed, caller: Caller, theirs: Path) -> None:
    wait = Fault(path="/versions/9$", status=429, headers={"Retry-After": "900"}, times=9)
    bed.journal.order(wait)
    answer = caller.bring(Origin(model="Taco_Net", version="9"))
    assert (reason_of(answer), answer.wait) == ("AzureThrottled", 900)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("azureml://jobs/r1/outputs/model", "no datastore's path"),
        ("azureml://datastores/workspaceblobstore/paths/nothing/here", "no file lies"),
    ],
)
def test_a_place_that_cannot_be_read_is_told(
    bed: Bed, caller: Caller, theirs: Path, path: str, words: str
) -> None:
    versions = bed.workspace.versions("models", "Taco_Net")
    versions["9"]["properties"]["modelUri"] = path
    answer = caller.bring(Origin(model="Taco_Net", version="9"))
    assert reason_of(answer) == "AzureModelUnreadable", answer
    assert words in message_of(answer)


def test_a_name_that_leads_elsewhere_is_refused(
    bed: Bed, caller: Caller, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 - only to name what it lists

    listed = ContainerClient.list_blobs

    def elsewhere(self: ContainerClient, **given: Any) -> Any:
        for blob in listed(self, **given):
            blob.name = blob.name.replace("weights/part.bin", "../outside")
            yield blob

    monkeypatch.setattr(ContainerClient, "list_blobs", elsewhere)
    answer = caller.bring(Origin(model="Taco_Net", version="9"))
    assert reason_of(answer) == "AzureModelUnreadable"
    assert not (caller.brought.parent / "outside").exists()


def test_no_secret_is_told(bed: Bed, caller: Caller, capfd: pytest.CaptureFixture[str]) -> None:
    caller.workspace = replace(caller.workspace, name="other")
    assert reason_of(caller.bring(Origin(model="a", version="1"))) == "WorkspaceNotFound"
    said = "".join(capfd.readouterr())
    assert "planted" not in said
    assert bed.workspace.key not in said


def test_a_black_hole_is_given_up(
    bed: Bed, caller: Caller, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "PATIENCE", {**calls.PATIENCE, "read_timeout": 1})
    bed.journal.order(Fault(path="/versions/9$", is_black_hole=True, times=9))
    answer = caller.bring(Origin(model="Taco_Net", version="9"))
    assert reason_of(answer) == "AzureUnavailable"
