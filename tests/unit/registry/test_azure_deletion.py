"""Records of versions that were deleted: they stay, or go without holding anything up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from azure_world import WORKSPACE, World, a_found_workspace
from comal_trainer.contract.azure import AzureAnswer, Gone, read_gone
from make import SETTINGS, a_pod, a_version


def a_world(*numbers: int, policy: str = "Delete") -> World:
    """Return a registry that found its workspace and has seen these versions."""
    return a_found_workspace(*(a_version(n) for n in numbers), deletionPolicy=policy)


def gone_in(world: World) -> Gone:
    [container] = world.created[-1]["spec"]["template"]["spec"]["containers"]
    assert container["args"][0] == "azure-prune"
    return read_gone(container["args"][2].removeprefix("--gone="))


def delete(world: World, number: int) -> None:
    del world.objects[("ModelVersion", f"diabetes-v{number}")]


def said(world: World) -> tuple[str, str] | None:
    return world.said("ModelRegistry", "default").get("RecordsDeleted")


def test_where_nothing_is_deleted_nothing_is_said_or_asked() -> None:
    world = a_world(1, 2)
    world.registry()
    assert said(world) is None
    assert len(world.created) == 1


def test_records_stay_unless_the_registry_says_otherwise() -> None:
    world = a_world(1, 2, policy="Retain")
    delete(world, 1)
    world.registry()
    assert said(world) is None
    assert len(world.created) == 1


def test_a_deleted_version_has_its_record_deleted_once() -> None:
    world = a_world(1, 2, 3)
    delete(world, 1)
    delete(world, 3)
    world.registry()
    assert said(world) == ("False", "Deleting")
    models = {"diabetes": [[1, 1], [3, 3]]}
    assert gone_in(world) == Gone(registry="uid-of-default", namespace="team", models=models)

    world.answer(AzureAnswer(id=WORKSPACE))
    world.registry()
    assert said(world) == ("True", "Deleted")
    world.now += timedelta(days=1)
    world.registry()
    assert len(world.created) == 2


def test_the_next_deletion_asks_again() -> None:
    world = a_world(1, 2, 3)
    delete(world, 1)
    world.registry()
    world.answer(AzureAnswer(id=WORKSPACE))
    world.registry()
    delete(world, 2)
    world.registry()
    assert said(world) == ("False", "Deleting")
    assert gone_in(world).models == {"diabetes": [[1, 2]]}


def test_an_outage_holds_nothing_up_and_heals() -> None:
    world = a_world(1, 2)
    delete(world, 1)
    world.registry()
    world.fail("AzureUnavailable")
    plan = world.registry()
    assert said(world) == ("False", "AzureUnavailable")
    assert plan.requeue_after is not None
    world.now += timedelta(seconds=31)
    world.registry()
    assert said(world) == ("False", "AzureUnavailable")
    assert len(world.created) == 3
    world.answer(AzureAnswer(id=WORKSPACE))
    world.registry()
    assert said(world) == ("True", "Deleted")


def test_a_version_of_another_registry_is_not_gone() -> None:
    world = a_world(1, 3)
    world.put(a_version(2, registry="other"))
    delete(world, 1)
    world.registry()
    assert gone_in(world).models == {"diabetes": [[1, 1]]}


def test_what_still_records_is_waited_for() -> None:
    world = a_world(1, 2)
    world.version(1)
    recording = world.created[-1]
    assert recording["metadata"]["labels"]["comal.dev/model-registry"] == "default"
    pod = a_pod(recording, phase="Running")
    pod["metadata"]["labels"] = recording["metadata"]["labels"]
    world.put(pod)
    delete(world, 1)
    world.registry()
    assert said(world) == ("False", "Deleting")
    assert len(world.created) == 2
    del world.objects[("Pod", pod["metadata"]["name"])]
    world.registry()
    assert gone_in(world).models == {"diabetes": [[1, 1]]}


def test_a_workspace_that_is_not_reached_is_waited_for() -> None:
    world = a_world(1, 2)
    world.settings = SETTINGS
    delete(world, 1)
    world.registry()
    assert said(world) == ("False", "WaitingForWorkspace")
    assert len(world.created) == 1


@pytest.mark.parametrize(
    ("version", "tags", "ours"),
    [
        ("2", {}, True),
        ("3", {}, False),
        ("2", {"comal.registry-id": "of-another-cluster"}, False),
        ("2", {"comal.model-version": "others/diabetes-v2"}, False),
    ],
)
def test_only_what_this_registry_recorded_may_go(
    version: str, tags: dict[str, str], ours: bool
) -> None:
    gone = Gone(registry="mine", namespace="team", models={"diabetes": ((1, 2), (7, 7))})
    theirs = {"comal.registry-id": "mine", "comal.model-version": "team/diabetes-v2", **tags}
    found = gone.has("diabetes", version) and gone.is_ours("diabetes", version, theirs)
    assert found is ours
    assert not gone.has("churn", version)
    assert not gone.has("diabetes", "latest")
