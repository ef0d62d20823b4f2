"""A ModelDeployment that names a model of Azure ML by its uri, moment by moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from azure_world import (
    GUID,
    SECRET,
    WORKSPACE,
    World,
    a_mirrored_registry,
    an_importing_world,
    end_import,
)
from comal_operator.core.plan import Manifest
from comal_trainer.contract import Converted, JobError, Registered
from comal_trainer.contract.azure import AzureAnswer, Origin, read_workspace
from make import DIGEST, SETTINGS, a_registry, a_version, ended_job
from serving_world import an_endpoint


def _look(world: World) -> Any:
    return world.look("ModelDeployment", "diabetes")


def _said(world: World, about: str = "ModelResolved") -> tuple[str, str]:
    return world.said("ModelDeployment", "diabetes")[about]


def test_a_job_brings_the_model_and_no_container_has_two_logins() -> None:
    world = an_importing_world(registry=a_mirrored_registry(SECRET))
    _look(world)
    assert _said(world) == ("False", "Importing")
    assert _said(world, "Reconciling") == ("True", "Importing")
    [job] = world.jobs
    pod = job["spec"]["template"]["spec"]
    bring, adopt = pod["initContainers"]
    [register] = pod["containers"]
    mounted = {
        one["name"]: {mount["name"] for mount in one["volumeMounts"]}
        for one in (bring, adopt, register)
    }
    assert mounted == {
        "bring": {"login", "model", "tmp"},
        "adopt": {"model", "tmp"},
        "register": {"registry", "model", "tmp"},
    }
    assert bring["image"] == "localhost/comal/azure:1"
    assert adopt["image"] == register["image"] == SETTINGS.trainer_image
    assert read_workspace(bring["args"][1].removeprefix("--target=")).name == "ml"
    assert bring["args"][2] == "--origin=azureml:Taco_Net:7"
    assert pod["serviceAccountName"] == "comal-registry-default-azure"


def test_an_identity_is_for_the_container_that_asks_azure() -> None:
    world = an_importing_world()
    _look(world)
    template = world.jobs[0]["spec"]["template"]
    assert template["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    skipped = template["metadata"]["annotations"]["azure.workload.identity/skip-containers"]
    assert skipped == "adopt;register"


def test_what_is_pushed_becomes_a_version_and_is_served() -> None:
    world = an_importing_world()
    _look(world)
    end_import(world)
    _look(world)
    [version] = world.versions
    assert version["metadata"]["name"] == "tacos-v1"
    spec = version["spec"]
    assert spec["lineage"] == {
        "imported": {"uri": "azureml:Taco_Net:7", "workspace": WORKSPACE},
        "images": [],
        "data": [],
    }
    assert (spec["digest"], spec["format"], spec["contract"]) == (DIGEST, "onnx", "base64-image")
    assert spec["location"].endswith("/models/tacos")
    assert _said(world) == ("True", "Resolved")
    assert world.objects["ModelDeployment", "diabetes"]["status"]["resolved"] == {
        "requested": "tacos/uri/azureml:Taco_Net:7",
        "modelVersion": "tacos-v1",
        "digest": DIGEST,
    }


def test_it_is_imported_once() -> None:
    world = an_importing_world()
    _look(world)
    end_import(world)
    _look(world)
    world.now += timedelta(days=30)
    for key in [key for key in world.objects if key[0] in ("Job", "Pod")]:
        del world.objects[key]
    _look(world)
    assert len(world.jobs) == 1
    assert len(world.versions) == 1


def test_it_is_not_recorded_where_it_came_from() -> None:
    world = an_importing_world()
    _look(world)
    end_import(world)
    _look(world)
    world.created.clear()
    world.look("ModelVersion", "tacos-v1")
    assert world.said("ModelVersion", "tacos-v1")["Mirrored"] == ("True", "Imported")
    assert world.created == []


def test_the_newest_is_found_once_and_kept() -> None:
    world = an_importing_world("azureml:Taco_Net@latest")
    _look(world)
    end_import(world, "9")
    _look(world)
    [version] = world.versions
    assert version["spec"]["lineage"]["imported"]["uri"] == "azureml:Taco_Net:9"
    status = world.objects["ModelDeployment", "diabetes"]["status"]
    assert status["modelImport"]["found"] == "azureml:Taco_Net:9"
    world.now += timedelta(days=1)
    _look(world)
    assert len(world.jobs) == 1
    assert _said(world) == ("True", "Resolved")


def test_the_newest_that_is_here_already_gets_no_second_version() -> None:
    world = an_importing_world("azureml:Taco_Net@latest")
    there = a_version(1, model="tacos", registry="default")
    there["spec"]["lineage"] = {"imported": {"uri": "azureml:Taco_Net:9", "workspace": WORKSPACE}}
    world.put(there)
    _look(world)
    end_import(world, "9")
    _look(world)
    assert world.versions == []
    assert _said(world) == ("True", "Resolved")


def test_a_number_that_the_registry_has_not_counted_is_waited_for() -> None:
    world = an_importing_world()
    world.put(a_version(4, model="tacos"))
    _look(world)
    end_import(world)
    plan = _look(world)
    assert world.versions == []
    assert plan.requeue_after is not None
    world.registry()
    _look(world)
    assert [one["metadata"]["name"] for one in world.versions] == ["tacos-v5"]


def test_a_version_that_is_deleted_is_imported_again_under_another_number() -> None:
    world = an_importing_world()
    _look(world)
    end_import(world)
    _look(world)
    world.registry()
    del world.objects["ModelVersion", "tacos-v1"]
    for key in [key for key in world.objects if key[0] in ("Job", "Pod")]:
        del world.objects[key]
    _look(world)
    end_import(world)
    _look(world)
    assert [one["metadata"]["name"] for one in world.versions] == ["tacos-v1", "tacos-v2"]


@pytest.mark.parametrize(
    ("reason", "course"),
    [
        ("AzureForbidden", "Stalled"),
        ("AzureModelNotFound", "Stalled"),
        ("AzureUnavailable", "Reconciling"),
    ],
)
def test_why_azure_does_not_give_it_is_told_and_heals(reason: str, course: str) -> None:
    world = an_importing_world()
    _look(world)
    end_import(world, brought=AzureAnswer(error=JobError(reason, "so do this")))
    plan = _look(world)
    assert _said(world) == ("False", reason)
    assert _said(world, course) == ("True", reason)
    assert plan.requeue_after is not None
    world.now += timedelta(seconds=31)
    _look(world)
    assert len(world.jobs) == 2
    assert _said(world) == ("False", reason)
    end_import(world)
    _look(world)
    assert _said(world) == ("True", "Resolved")


def test_what_cannot_be_converted_is_not_downloaded_each_minute() -> None:
    world = an_importing_world()
    _look(world)
    wrong = Converted(error=JobError("ModelInvalid", "model.yaml is missing"))
    end_import(world, converted=wrong, pushed=Registered(error=JobError("PackageMissing", "none")))
    plan = _look(world)
    assert _said(world) == ("False", "ModelInvalid")
    assert plan.requeue_after == timedelta(hours=1)


def test_a_pod_that_nobody_read_is_repeated() -> None:
    world = an_importing_world()
    _look(world)
    world.put(ended_job(world.jobs[-1], "Complete"))
    _look(world)
    assert _said(world) == ("False", "AzureJobFailed")
    world.now += timedelta(seconds=31)
    _look(world)
    end_import(world)
    _look(world)
    assert _said(world) == ("True", "Resolved")


def test_another_digest_than_was_reviewed_is_not_served() -> None:
    world = an_importing_world(digest="sha256:" + "b" * 64)
    _look(world)
    end_import(world)
    _look(world)
    assert _said(world) == ("False", "DigestMismatch")


@pytest.mark.parametrize(
    ("registry", "reason"),
    [
        (a_registry(), "RegistryWithoutAzure"),
        (a_registry("other"), "RegistryNotFound"),
        (a_mirrored_registry(), "WaitingForWorkspace"),
    ],
)
def test_without_a_workspace_nothing_is_asked(registry: Manifest, reason: str) -> None:
    world = World(registry, an_endpoint(model={"name": "tacos", "uri": "azureml:Taco_Net:7"}))
    _look(world)
    assert _said(world) == ("False", reason)
    assert world.jobs == []


def test_an_installation_without_the_image_says_so() -> None:
    world = an_importing_world()
    world.settings = SETTINGS
    _look(world)
    assert _said(world) == ("False", "AzureImageMissing")


def test_what_serves_goes_on_while_another_is_imported() -> None:
    world = an_importing_world()
    _look(world)
    end_import(world)
    _look(world)
    mdep = world.objects["ModelDeployment", "diabetes"]
    model = {"name": "tacos", "uri": "azureml:Taco_Net:8"}
    world.put({**mdep, "spec": {**mdep["spec"], "model": model}})
    before = mdep["status"]["resolved"]
    _look(world)
    assert _said(world) == ("False", "Importing")
    assert world.objects["ModelDeployment", "diabetes"]["status"]["resolved"] == before


@pytest.mark.parametrize("uri", ["azureml:a:1", "azureml:Taco_Net@latest", "azureml:a.b-c:x_1"])
def test_an_origin_says_what_was_written(uri: str) -> None:
    assert Origin.parse(uri).uri == uri


def test_the_workspace_counts() -> None:
    world = an_importing_world()
    there = a_version(1, model="tacos")
    elsewhere = WORKSPACE.replace("/ml-group/", "/other/")
    there["spec"]["lineage"] = {"imported": {"uri": "azureml:Taco_Net:7", "workspace": elsewhere}}
    world.put(there)
    _look(world)
    assert len(world.jobs) == 1
    assert GUID in world.jobs[0]["spec"]["template"]["spec"]["initContainers"][0]["args"][1]
