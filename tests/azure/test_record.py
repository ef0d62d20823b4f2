"""The commands that call Azure ML, as the Jobs start them, against the bed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml.entities import Data

from azure_caller import (
    ENTRY,
    SUBJECT,
    TAGS,
    TRAIN,
    Caller,
    message_of,
    reason_of,
    write_secret,
)
from comal_trainer.azure_ml import record as calls
from comal_trainer.contract.azure import (
    DIGEST_TAG,
    OWNER_TAG,
    AzureAnswer,
    Entry,
    Workspace,
    check_arguments,
    record_arguments,
)
from fake_azure import entra
from fake_azure.bed import CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION, Bed
from fake_azure.journal import Fault

_VERSION = "/models/diabetes/versions/2$"
_PATIENT_SECONDS = 240
_DATA = f"/data/diabetes-train/versions/{TRAIN.version}$"


def test_a_workspace_is_found_by_one_call(bed: Bed, caller: Caller) -> None:
    assert caller.check() == AzureAnswer(id=bed.workspace.id, region="westeurope")
    assert len(bed.journal.calls("/workspaces/ml")) == 1
    assert bed.journal.refused == []


def test_a_version_is_recorded_with_its_bytes(
    bed: Bed, caller: Caller, connect: Callable[..., Any], tmp_path: Path
) -> None:
    process = caller.start(record_arguments(caller.workspace, ENTRY))
    said, _ = process.communicate(timeout=_PATIENT_SECONDS)
    assert process.returncode == 0, said
    assert caller.answer() == AzureAnswer(id=f"{bed.workspace.id}/models/diabetes/versions/2")
    ml = connect()
    found = ml.models.get("diabetes", "2")
    assert (found.tags, found.description) == (TAGS, "of the clinic")
    data = ml.data.get("diabetes-train", TRAIN.version)
    assert (data.path, data.type, data.tags) == (TRAIN.path, "uri_file", TRAIN.tags)
    ml.models.download("diabetes", "2", download_path=tmp_path / "down")
    fetched = {one.name: one.read_bytes() for one in (tmp_path / "down").rglob("*.*")}
    assert fetched["model.onnx"] == (tmp_path / "model" / "serving" / "model.onnx").read_bytes()
    assert bed.journal.refused == []


def test_what_is_recorded_is_left_alone(bed: Bed, caller: Caller) -> None:
    first = caller.record()
    assert caller.record() == first
    assert len(bed.journal.calls(_VERSION, "PUT")) == 1
    assert len(bed.journal.calls(_DATA, "PUT")) == 1


def test_the_same_data_of_another_place_is_the_same_asset(bed: Bed, caller: Caller) -> None:
    assert caller.record().error is None
    moved = replace(TRAIN, path="https://elsewhere.example.org/train.csv")
    assert caller.record(replace(ENTRY, version="3", data=(moved,))).error is None
    [asset] = bed.workspace.versions("data", "diabetes-train").values()
    assert asset["properties"]["dataUri"] == TRAIN.path


def test_data_of_others_is_never_touched(
    bed: Bed, caller: Caller, connect: Callable[..., Any]
) -> None:
    theirs = Data(path="https://example.org/a", name=TRAIN.name, version=TRAIN.version)
    connect().data.create_or_update(theirs)
    answer = caller.record()
    assert reason_of(answer) == "RecordConflict"
    assert "give the data another name" in message_of(answer)
    assert bed.workspace.versions("models", "diabetes") == {}
    [asset] = bed.workspace.versions("data", "diabetes-train").values()
    assert asset["properties"]["dataUri"] == "https://example.org/a"


def test_a_record_that_failed_after_its_data_is_done_by_the_next(bed: Bed, caller: Caller) -> None:
    bed.journal.order(Fault(path=_VERSION, method="PUT", status=403))
    assert reason_of(caller.record()) == "AzureForbidden"
    assert list(bed.workspace.versions("data", "diabetes-train")) == [TRAIN.version]
    assert caller.record().error is None
    assert len(bed.journal.calls(_DATA, "PUT")) == 1


def test_an_answer_that_was_lost_records_once(bed: Bed, caller: Caller) -> None:
    bed.journal.order(Fault(path=_VERSION, method="PUT", is_lost=True))
    assert caller.record().error is None
    assert list(bed.workspace.versions("models", "diabetes")) == ["2"]


def test_a_job_that_was_killed_is_done_by_the_next(bed: Bed, caller: Caller) -> None:
    hole = Fault(path=_VERSION, method="PUT", is_black_hole=True)
    bed.journal.order(hole)
    process = caller.start(record_arguments(caller.workspace, ENTRY))
    end = time.monotonic() + _PATIENT_SECONDS
    # All bytes are there, and the record is not.
    while hole.times and time.monotonic() < end:
        time.sleep(0.1)
    process.kill()
    process.communicate()
    assert hole.times == 0
    assert caller.record().error is None
    assert list(bed.workspace.versions("models", "diabetes")) == ["2"]


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({}, "not made by Comal"),
        ({**TAGS, DIGEST_TAG: "sha256:" + "b" * 64}, "team/diabetes-v2 with another digest"),
        ({**TAGS, OWNER_TAG: "others/diabetes-v2"}, "ModelVersion others/diabetes-v2"),
    ],
)
def test_what_is_not_ours_is_never_touched(
    bed: Bed, caller: Caller, tags: dict[str, str], words: str
) -> None:
    theirs = Entry(model="diabetes", version="2", tags=tags)
    assert caller.record(theirs).error is None
    before = dict(bed.workspace.versions("models", "diabetes")["2"])
    answer = caller.record()
    assert reason_of(answer) == "RecordConflict"
    assert words in message_of(answer)
    assert "register the model under another name" in message_of(answer)
    assert bed.workspace.versions("models", "diabetes")["2"] == before


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        (Fault(path="/workspaces/ml$", status=401, times=9), "AzureAuthFailed", "Secret principal"),
        (
            Fault(path="/versions/2$", method="PUT", status=403, times=9),
            "AzureForbidden",
            "AzureML Data Scientist",
        ),
        (Fault(path="/workspaces/ml$", status=404), "WorkspaceNotFound", "resource group ml-group"),
        (Fault(path=_DATA, method="PUT", status=403), "AzureForbidden", "recording data"),
        (Fault(path="/versions/2$", method="PUT", status=409), "RecordConflict", "Ordered"),
        (Fault(path="/versions/2$", method="PUT", status=412), "AzureRefused", "HTTP 412"),
        (Fault(path="/workspaces/ml$", status=500, times=99), "AzureUnavailable", "HTTP 500"),
        (Fault(path="/workspaces/ml$", body="{no", times=99), "AzureUnavailable", "no JSON"),
        (
            Fault(path="/versions/2$", method="PUT", drop="properties.flavors", times=99),
            "AzureCallFailed",
            "AttributeError",
        ),
    ],
    ids=["401", "403", "404", "403 for data", "409", "412", "500 storm", "garbage", "no flavors"],
)
def test_each_trouble_has_a_name(
    bed: Bed, caller: Caller, fault: Fault, reason: str, words: str
) -> None:
    bed.journal.order(fault)
    answer = caller.record()
    assert reason_of(answer) == reason, answer
    assert words in message_of(answer)


def test_a_failed_job_says_one_line_and_no_traceback(bed: Bed, caller: Caller) -> None:
    bed.journal.order(Fault(path="/workspaces/ml$", status=403))
    process = caller.start(check_arguments(caller.workspace))
    said, _ = process.communicate(timeout=_PATIENT_SECONDS)
    assert process.returncode == 0
    assert said.strip() == (caller.folder / "answer").read_text()
    assert reason_of(caller.answer()) == "AzureForbidden"


def test_one_bad_answer_is_not_told(bed: Bed, caller: Caller) -> None:
    bed.journal.order(Fault(path="/workspaces/ml$", status=503))
    assert caller.check().error is None


def test_whoever_asks_for_patience_gets_it(bed: Bed, caller: Caller) -> None:
    headers = {"Retry-After": "900"}
    bed.journal.order(Fault(path="/workspaces/ml$", status=429, headers=headers, times=9))
    answer = caller.check()
    assert (reason_of(answer), answer.wait) == ("AzureThrottled", 900)
    assert len(bed.journal.calls("/workspaces/ml$")) == 1


def test_a_black_hole_is_given_up(
    bed: Bed, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "PATIENCE", {**calls.PATIENCE, "read_timeout": 1})
    bed.journal.order(Fault(path="/workspaces/ml$", is_black_hole=True, times=9))
    answer = caller.check()
    assert reason_of(answer) == "AzureUnavailable"
    assert "did not answer" in message_of(answer)


def test_the_json_of_the_az_command_is_a_login_too(bed: Bed, caller: Caller) -> None:
    given = (
        f'{{"clientId": "{CLIENT_ID}", "clientSecret": "{CLIENT_SECRET}",'
        f' "tenantId": "{entra.TENANT}", "subscriptionId": "{SUBSCRIPTION}"}}'
    )
    write_secret(caller.folder, AZURE_CREDENTIALS=given)
    assert caller.check().error is None


_IDS = {"AZURE_TENANT_ID": entra.TENANT, "AZURE_CLIENT_ID": CLIENT_ID}


@pytest.mark.parametrize(
    ("keys", "reason", "words"),
    [
        ({}, "CredentialMissing", "does not exist"),
        (_IDS, "CredentialMissing", "has no AZURE_CLIENT_SECRET"),
        ({"AZURE_CREDENTIALS": "planted-not-json"}, "CredentialMissing", "--sdk-auth"),
        ({**_IDS, "AZURE_CLIENT_SECRET": "planted-wrong"}, "AzureAuthFailed", "secret is wrong"),
    ],
)
def test_a_wrong_secret_is_told_without_it(
    caller: Caller,
    keys: Mapping[str, str],
    reason: str,
    words: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_secret(caller.folder, **keys)
    answer = caller.record()
    assert reason_of(answer) == reason
    assert words in message_of(answer)
    assert "principal" in message_of(answer)
    assert "planted" not in "".join(capfd.readouterr())


def test_a_changed_secret_holds_from_the_next_call_on(caller: Caller) -> None:
    write_secret(caller.folder, **_IDS, AZURE_CLIENT_SECRET="planted-wrong")
    assert reason_of(caller.check()) == "AzureAuthFailed"
    write_secret(caller.folder, **_IDS, AZURE_CLIENT_SECRET=CLIENT_SECRET)
    assert caller.check().error is None


@pytest.fixture
def by_account(bed: Bed, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """The Job as the cluster's workload identity changes it."""

    def review(token: str, audience: str) -> str | None:
        return SUBJECT if (token, audience) == ("projected", entra.AUDIENCE) else None

    monkeypatch.setattr(bed.directory, "review", review)
    (caller.folder / "token").write_text("projected")
    caller.workspace = Workspace(
        subscription=SUBSCRIPTION,
        group="ml-group",
        name="ml",
        subject=SUBJECT,
        client_id=CLIENT_ID,
    )
    caller.environment |= {
        "AZURE_FEDERATED_TOKEN_FILE": str(caller.folder / "token"),
        "AZURE_TENANT_ID": entra.TENANT,
        "AZURE_CLIENT_ID": CLIENT_ID,
    }
    return caller


def test_an_account_records_without_any_secret(
    bed: Bed, by_account: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bed.directory.clients[CLIENT_ID], "subjects", {SUBJECT})
    monkeypatch.setattr(bed.workspace, "key", "")
    assert by_account.record().error is None
    assert list(bed.workspace.versions("models", "diabetes")) == ["2"]


def test_an_account_that_nobody_federated_is_named(by_account: Caller) -> None:
    answer = by_account.check()
    assert reason_of(answer) == "AzureAuthFailed"
    assert f"no federated credential for {SUBJECT}" in message_of(answer)


def test_a_cluster_without_workload_identity_is_told(by_account: Caller) -> None:
    del by_account.environment["AZURE_FEDERATED_TOKEN_FILE"]
    answer = by_account.check()
    assert reason_of(answer) == "WorkloadIdentityMissing"
    assert "az aks update" in message_of(answer)
