"""A registry that names a workspace of Azure ML, and its versions' records, moment by moment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from azure_world import (
    CSV,
    GUID,
    RECORD,
    SECRET,
    WORKSPACE,
    World,
    a_found_workspace,
    a_mirrored_registry,
)
from comal_operator.core.plan import Manifest
from comal_trainer.contract import JobError
from comal_trainer.contract.azure import AzureAnswer, DataAsset, read_entry, read_workspace
from make import (
    DIGEST,
    SETTINGS,
    a_pod,
    a_registry,
    a_version,
    a_waiting_pod,
    an_ended_pod,
    ended_job,
)


def test_a_workspace_is_looked_for_under_an_account_of_its_own() -> None:
    world = World(a_mirrored_registry())
    world.registry()
    account = world.objects[("ServiceAccount", "comal-registry-default-azure")]
    assert account["metadata"]["annotations"] == {"azure.workload.identity/client-id": GUID}
    [job] = world.created
    template = job["spec"]["template"]
    assert template["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert template["spec"]["serviceAccountName"] == "comal-registry-default-azure"
    [container] = template["spec"]["containers"]
    assert container["image"] == "localhost/comal/azure:1"
    assert container["args"][0] == "azure-check"
    asked = read_workspace(container["args"][1].removeprefix("--target="))
    assert asked.subject == "system:serviceaccount:team:comal-registry-default-azure"
    assert world.said("ModelRegistry", "default")["AzureAuthorized"] == ("Unknown", "Asking")


def test_a_secret_is_mounted_and_may_be_missing() -> None:
    world = World(a_mirrored_registry(SECRET))
    world.registry()
    pod = world.created[0]["spec"]["template"]["spec"]
    [login] = [one for one in pod["volumes"] if one["name"] == "login"]
    assert login["secret"]["secretName"] == "principal"
    assert login["secret"]["optional"] is True
    account = world.objects[("ServiceAccount", "comal-registry-default-azure")]
    assert "annotations" not in account["metadata"]


_WAY_OUT = {
    "proxy": {"url": "http://proxy.example.org:3128", "noProxy": [".blob.core.windows.net"]},
    "caBundle": {"configMap": "company", "key": "root.pem"},
}


def _pods_that_call(**azure: object) -> list[Manifest]:
    """Return the Pods of the look, of the record and of the deletion."""
    world = a_found_workspace(a_version(2), deletionPolicy="Delete", **azure)
    world.version()
    world.registry()
    return [one["spec"]["template"]["spec"] for one in world.created]


def test_what_calls_azure_goes_by_the_proxy_and_trusts_the_company() -> None:
    pods = _pods_that_call(**_WAY_OUT)
    asked = {pod["containers"][0]["args"][0] for pod in pods}
    assert asked == {"azure-check", "azure-record", "azure-prune"}
    for pod in pods:
        [container] = pod["containers"]
        given = {one["name"]: one["value"] for one in container["env"]}
        assert given["HTTPS_PROXY"] == "http://proxy.example.org:3128"
        assert given["NO_PROXY"].split(",")[-2:] == [".cluster.local", ".blob.core.windows.net"]
        assert "/etc/comal/ca" in [one["mountPath"] for one in container["volumeMounts"]]
        [bundle] = [one["configMap"] for one in pod["volumes"] if "configMap" in one]
        # A Pod without it would wait without a word: the command says what is missing.
        assert bundle == {
            "name": "company",
            "items": [{"key": "root.pem", "path": "ca.crt"}],
            "optional": True,
        }
        # What fetches the model stays inside.
        for first in pod.get("initContainers", ()):
            assert "HTTPS_PROXY" not in {one["name"] for one in first["env"]}


def test_without_a_proxy_nothing_is_said_of_one() -> None:
    for pod in _pods_that_call():
        assert [one["name"] for one in pod["containers"][0]["env"]] == ["HOME"]
        assert not [one for one in pod["volumes"] if "configMap" in one]


@pytest.mark.parametrize(("azure", "count"), [({}, 0), (_WAY_OUT, 1)])
def test_a_proxy_may_be_a_pod(azure: dict[str, object], count: int) -> None:
    world = World(a_mirrored_registry(**azure))
    world.registry()
    rules = world.objects[("NetworkPolicy", "comal-registry-default-azure")]["spec"]["egress"]
    assert sum(rule.get("to") == [{"namespaceSelector": {}}] for rule in rules) == count


def test_another_proxy_is_tried_at_once() -> None:
    world = a_found_workspace(a_version(2))
    world.version()
    world.fail("AzureUnavailable")
    world.version()
    world.put(
        {
            **world.objects[("ModelRegistry", "default")],
            "spec": a_mirrored_registry(**_WAY_OUT)["spec"],
        }
    )
    world.version()
    assert len(world.created) == 3
    assert world.created[-1]["spec"]["template"]["spec"]["containers"][0]["args"][0] == (
        "azure-record"
    )


def test_a_workspace_that_is_reached_is_asked_for_once() -> None:
    world = a_found_workspace()
    said = world.said("ModelRegistry", "default")
    assert said["AzureAuthorized"] == ("True", "LoggedIn")
    assert said["WorkspaceFound"] == ("True", "Found")
    world.now += timedelta(days=1)
    world.registry()
    assert len(world.created) == 1


@pytest.mark.parametrize(
    ("reason", "authorized", "found"),
    [
        ("AzureAuthFailed", "False", "Unknown"),
        ("CredentialMissing", "False", "Unknown"),
        ("WorkspaceNotFound", "True", "False"),
        ("AzureUnavailable", "Unknown", "Unknown"),
        ("ProxyFailed", "Unknown", "Unknown"),
        ("CaBundleMissing", "Unknown", "Unknown"),
    ],
)
def test_a_workspace_that_is_not_reached_heals_by_itself(
    reason: str, authorized: str, found: str
) -> None:
    world = World(a_mirrored_registry())
    world.registry()
    world.fail(reason)
    plan = world.registry()
    said = world.said("ModelRegistry", "default")
    assert (said["AzureAuthorized"][0], said["WorkspaceFound"][0]) == (authorized, found)
    assert plan.requeue_after is not None

    world.now += timedelta(seconds=31)
    world.registry()
    assert len(world.created) == 2
    assert world.said("ModelRegistry", "default") == said
    world.answer(AzureAnswer(id=WORKSPACE))
    world.registry()
    assert world.said("ModelRegistry", "default")["WorkspaceFound"] == ("True", "Found")


def test_pauses_grow_and_no_attempt_is_early() -> None:
    world = World(a_mirrored_registry())
    world.registry()
    pauses = []
    for _ in range(7):
        world.fail("AzureUnavailable")
        world.registry()
        before = len(world.created)
        start = world.now
        while len(world.created) == before:
            world.now += timedelta(seconds=10)
            world.registry()
        pauses.append(int((world.now - start).total_seconds()))
    assert pauses == [30, 60, 120, 240, 480, 600, 600]


def test_azure_says_how_long_to_wait() -> None:
    world = World(a_mirrored_registry())
    world.registry()
    world.fail("AzureThrottled", wait=900)
    world.registry()
    world.now += timedelta(seconds=890)
    world.registry()
    assert len(world.created) == 1
    world.now += timedelta(seconds=20)
    world.registry()
    assert len(world.created) == 2


def test_a_changed_credential_is_tried_at_once() -> None:
    world = World(a_mirrored_registry())
    world.registry()
    world.fail("AzureAuthFailed")
    world.registry()
    changed = a_mirrored_registry(SECRET)
    changed["metadata"]["generation"] = 2
    world.put({**changed, "status": world.objects[("ModelRegistry", "default")]["status"]})
    world.registry()
    assert len(world.created) == 2


def test_a_registry_serves_without_azure() -> None:
    world = World(a_mirrored_registry())
    world.settings = SETTINGS
    world.registry()
    said = world.said("ModelRegistry", "default")
    assert said["AzureAuthorized"] == ("Unknown", "AzureImageMissing")
    assert "Stalled" not in said
    assert world.created == []


def test_a_version_waits_for_its_workspace() -> None:
    world = World(a_mirrored_registry(), a_version(2))
    world.version()
    assert world.mirrored() == ("False", "WaitingForWorkspace")
    world.registry()
    world.fail("WorkspaceNotFound")
    world.registry()
    world.version()
    said = world.message("ModelVersion", "diabetes-v2", "Mirrored")
    assert "WorkspaceNotFound, so do this" in said
    assert world.said("ModelVersion", "diabetes-v2")["Ready"][1] != "WaitingForWorkspace"


def test_a_version_is_recorded_once_with_the_bytes_of_its_digest() -> None:
    world = a_found_workspace(a_version(2))
    world.version()
    assert world.mirrored() == ("False", "Recording")
    pod = world.created[-1]["spec"]["template"]["spec"]
    [fetch] = pod["initContainers"]
    assert fetch["args"][:1] == ["fetch"]
    assert a_version(2)["spec"]["digest"] in fetch["args"]

    world.answer(AzureAnswer(id=RECORD))
    world.version()
    assert world.mirrored() == ("True", "Recorded")
    assert world.objects[("ModelVersion", "diabetes-v2")]["status"]["azureML"]["id"] == RECORD
    world.now += timedelta(days=1)
    world.version()
    assert len(world.created) == 2


def test_a_record_says_whose_it_is_and_what_it_was_made_of() -> None:
    source = {"revision": "4be1c0d", "buildId": "20261121.3"}
    lineage = {
        "run": {"name": "r", "uid": "u"},
        "source": source,
        "images": [{"step": "train", "image": "acr/train@sha256:1"}],
        "data": [
            {"name": "train", "digest": CSV, "rows": 442, "uri": "https://blob/train.csv"},
            {"name": "labels", "digest": DIGEST, "uri": "pvc://claim/labels"},
        ],
    }
    version = a_version(
        2,
        mse="3295.71",
        primaryMetric="mse",
        parameters={"alpha": "0.4", "long": "x" * 400, "expands": "$(HOME)"},
        tags={"area": "clinic"},
        description="of the clinic",
        lineage=lineage,
    )
    world = a_found_workspace(version, tags={"area": "all", "team": "a"})
    world.version()
    [container] = world.created[-1]["spec"]["template"]["spec"]["containers"]
    assert container["args"][0] == "azure-record"
    text = container["args"][2].removeprefix("--entry=")
    entry = read_entry(text.replace("$$(", "$("))
    assert (entry.model, entry.version, entry.description) == ("diabetes", "2", "of the clinic")
    assert entry.tags["long"] == "x" * 255 + "…"
    assert {key: value for key, value in entry.tags.items() if key != "long"} == {
        "alpha": "0.4",
        "expands": "$(HOME)",
        "mse": "3295.71",
        "area": "clinic",
        "team": "a",
        "comal.model-version": "team/diabetes-v2",
        "comal.digest": version["spec"]["digest"],
        "comal.registry-id": "uid-of-default",
        "comal.run": "r",
        "comal.run-id": "u",
        "comal.revision": "4be1c0d",
        "comal.build-id": "20261121.3",
        "comal.format": "onnx",
        "comal.contract": "data-matrix",
        "comal.data.train": CSV,
        "comal.data.labels": DIGEST,
        "comal.data-asset.train": "azureml:diabetes-train:" + "c" * 16,
        "comal.image.train": "acr/train@sha256:1",
    }
    tags = {"comal.digest": CSV, "comal.rows": "442"}
    train = DataAsset(
        name="diabetes-train", version="c" * 16, path="https://blob/train.csv", tags=tags
    )
    assert entry.data == (train,)


def test_a_failed_record_is_no_lost_model_and_heals() -> None:
    world = a_found_workspace(a_version(2))
    world.version()
    ready = world.said("ModelVersion", "diabetes-v2")["Ready"]
    world.fail("RecordConflict")
    world.version()
    assert world.mirrored() == ("False", "RecordConflict")
    assert world.said("ModelVersion", "diabetes-v2")["Ready"] == ready
    world.now += timedelta(seconds=31)
    world.version()
    # While it is tried again, the condition says what is wrong.
    assert world.mirrored() == ("False", "RecordConflict")
    assert len(world.created) == 3
    world.answer(AzureAnswer(id=RECORD))
    world.version()
    assert world.mirrored() == ("True", "Recorded")


def test_a_refused_record_shows_at_the_registry_until_it_heals() -> None:
    world = a_found_workspace(a_version(2))
    world.version()
    world.fail("AzureForbidden")
    world.version()
    world.registry()
    said = world.said("ModelRegistry", "default")
    assert said["AzureAuthorized"] == ("False", "AzureForbidden")
    assert said["WorkspaceFound"] == ("True", "Found")
    world.now += timedelta(seconds=31)
    world.version()
    world.answer(AzureAnswer(id=RECORD))
    world.version()
    world.registry()
    assert world.said("ModelRegistry", "default")["AzureAuthorized"] == ("True", "LoggedIn")


@pytest.mark.parametrize(
    ("how", "pod", "words"),
    [
        ("Failed", None, "DeadlineExceeded"),
        ("Complete", None, "its Pod was gone"),
        ("Failed", "crash", "exit code 137"),
    ],
)
def test_a_job_without_an_answer_is_tried_again(how: str, pod: str | None, words: str) -> None:
    world = a_found_workspace(a_version(2))
    world.version()
    ended = an_ended_pod(world.created[-1], code=137, said="Killed") if pod else None
    world.end(ended, how, "DeadlineExceeded")
    world.version()
    assert world.mirrored() == ("False", "AzureJobFailed")
    assert words in world.message("ModelVersion", "diabetes-v2", "Mirrored")
    world.now += timedelta(seconds=31)
    world.version()
    assert len(world.created) == 3


def test_a_model_that_cannot_be_fetched_is_told_by_the_fetch() -> None:
    world = a_found_workspace(a_version(2))
    world.version()
    told = '{"reason": "ArtifactNotFound", "message": "nothing of that digest"}'
    ended = {"terminated": {"exitCode": 1, "message": told}}
    states = [{"name": "fetch", "ready": False, "state": ended}]
    pod = a_pod(world.created[-1], phase="Failed", initContainerStatuses=states)
    world.end(pod, "Failed", "BackoffLimitExceeded")
    world.version()
    said = world.message("ModelVersion", "diabetes-v2", "Mirrored")
    assert "ArtifactNotFound: nothing of that digest" in said


def test_an_image_that_cannot_be_pulled_is_told() -> None:
    world = a_found_workspace(a_version(2))
    world.version()
    world.put(a_waiting_pod(world.created[-1], "ImagePullBackOff", "no such image"))
    world.version()
    assert world.mirrored() == ("False", "Recording")
    assert "ImagePullBackOff" in world.message("ModelVersion", "diabetes-v2", "Mirrored")


def test_many_versions_are_recorded_a_few_at_a_time() -> None:
    world = a_found_workspace(*(a_version(number) for number in range(1, 8)))
    for number in range(1, 8):
        world.version(number)
    assert [world.mirrored(number)[1] for number in range(1, 8)] == [
        *["Recording"] * 4,
        *["WaitingForOthers"] * 3,
    ]
    # One that failed stands behind those that were never tried.
    first = world.created[1]
    world.put(ended_job(first))
    failed = AzureAnswer(error=JobError("RecordConflict", "theirs"))
    world.put(an_ended_pod(first, said=failed.encode()))
    world.version(1)
    world.version(5)
    world.version(6)
    assert (world.mirrored(5)[1], world.mirrored(6)[1]) == ("Recording", "WaitingForOthers")


def test_without_a_workspace_nothing_is_said() -> None:
    world = World(a_registry(), a_version(2))
    world.registry()
    world.version()
    assert "Mirrored" not in world.said("ModelVersion", "diabetes-v2")
    assert "AzureAuthorized" not in world.said("ModelRegistry", "default")
    assert world.created == []


def test_another_workspace_gets_the_record_too() -> None:
    world = a_found_workspace(a_version(2))
    world.version()
    world.answer(AzureAnswer(id=RECORD))
    world.version()
    moved = a_mirrored_registry(workspace="other")
    moved["metadata"]["generation"] = 2
    world.put({**moved, "status": world.objects[("ModelRegistry", "default")]["status"]})
    world.version()
    assert world.mirrored() == ("False", "WaitingForWorkspace")
    world.registry()
    world.answer(AzureAnswer(id=WORKSPACE.replace("/ml", "/other")))
    world.registry()
    world.version()
    assert world.mirrored() == ("False", "Recording")


def a_node(**labels: str) -> Manifest:
    named = {f"topology.kubernetes.io/{key}": value for key, value in labels.items()}
    meta = {"name": "node-1", "uid": "n", "labels": named}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": {"conditions": []}}


@pytest.mark.parametrize(
    ("there", "node", "said"),
    [
        ("westeurope", a_node(region="westeurope"), ("False", "SameRegion")),
        ("West Europe", a_node(region="westeurope"), ("False", "SameRegion")),
        ("northeurope", a_node(region="westeurope"), ("True", "RegionsDiffer")),
        ("westeurope", a_node(), ("Unknown", "RegionUnknown")),
        ("", a_node(region="westeurope"), ("Unknown", "RegionUnknown")),
    ],
)
def test_a_workspace_elsewhere_is_a_warning(
    there: str, node: Manifest, said: tuple[str, str]
) -> None:
    world = World(a_mirrored_registry())
    world.put(node)
    world.registry()
    world.answer(AzureAnswer(id=WORKSPACE, region=there))
    world.registry()
    assert world.said("ModelRegistry", "default")["RegionMismatch"] == said
    # A warning stops nothing.
    assert world.said("ModelRegistry", "default")["WorkspaceFound"] == ("True", "Found")


def test_a_region_is_remembered_between_two_nodes_and_heals() -> None:
    world = World(a_mirrored_registry())
    world.put(a_node(region="westeurope"))
    world.registry()
    world.answer(AzureAnswer(id=WORKSPACE, region="northeurope"))
    world.registry()
    del world.objects[("Node", "node-1")]
    world.registry()
    said = world.said("ModelRegistry", "default")["RegionMismatch"]
    assert said == ("True", "RegionsDiffer")
    world.put(a_node(region="northeurope"))
    world.registry()
    said = world.said("ModelRegistry", "default")["RegionMismatch"]
    assert said == ("False", "SameRegion")
