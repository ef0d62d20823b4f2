"""An endpoint's own image by tag: its registry is asked once, before a revision is made with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from comal_trainer.contract.images import ResolvedImages, Unresolved
from make import an_object
from serving_cluster import Object
from serving_moments import serving, version
from serving_world import ServingWorld, an_endpoint

TAG = "myacr.azurecr.io/team/scorer:7"
DIGEST = "sha256:" + "d" * 64
NEWER = "sha256:" + "e" * 64
PINNED = f"myacr.azurecr.io/team/scorer@{DIGEST}"


def fresh(image: str = TAG, **spec: Any) -> ServingWorld:
    world = ServingWorld().add(version(1), an_endpoint(image=image, **spec))
    world.settle()
    return world


def asking(world: ServingWorld) -> list[Object]:
    return [
        one
        for (kind, name), one in sorted(world.objects.items())
        if kind == "Job" and "-images-" in name
    ]


def end(world: ServingWorld, answer: ResolvedImages | None, how: str = "Complete") -> None:
    """Let every Pod that asks say this; without an answer its Pod is gone."""
    for job in asking(world):
        name, meta = f"{job['metadata']['name']}-x", job["metadata"]
        if answer is not None:
            pod = an_object("Pod", name, api="v1")
            pod["metadata"]["labels"] = dict(job["spec"]["template"]["metadata"]["labels"])
            pod["metadata"]["deployment"] = "gone"
            pod["metadata"]["ownerReferences"] = [{"uid": meta["uid"], "controller": True}]
            ended = {"exitCode": 0, "message": answer.encode()}
            container = {"name": "images", "state": {"terminated": ended}}
            pod["status"] = {"phase": "Succeeded", "containerStatuses": [container]}
            world.add(pod)
        done = {"type": how, "status": "True"}
        moment = world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        job["status"] = {"conditions": [done], "completionTime": moment}
    world.settle()


def found(digest: str = DIGEST) -> ResolvedImages:
    return ResolvedImages({"0": digest})


def refused(reason: str) -> ResolvedImages:
    return ResolvedImages(problems=(Unresolved(0, reason, "the registry says no"),))


def scorers(world: ServingWorld) -> dict[str, str]:
    """Return what the scoring Pods' containers run, by revision."""
    return {
        one["metadata"]["labels"]["comal.dev/revision"]: {
            container["image"]
            for kind in ("containers", "initContainers")
            for container in one["spec"]["template"]["spec"][kind]
        }.pop()
        for one in world.deployments()
        if "comal.dev/revision" in one["metadata"]["labels"]
    }


def ready(world: ServingWorld) -> tuple[str, str]:
    condition = world.condition("Ready")
    return condition["status"], condition["reason"]


def test_a_tag_is_asked_for_before_any_pod_has_it() -> None:
    world = fresh()
    [job] = asking(world)
    pod = job["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "diabetes-serving"
    assert "automountServiceAccountToken" in pod
    assert TAG in " ".join(pod["containers"][0]["args"])
    assert scorers(world) == {}
    assert ready(world) == ("False", "ResolvingImages")
    assert world.condition("Reconciling")["status"] == "True"

    end(world, found())
    assert set(scorers(world).values()) == {PINNED}
    assert ready(world) == ("True", "Serving")
    assert world.status["stable"]["image"] == PINNED
    policy = world.objects["NetworkPolicy", "diabetes-images"]
    assert policy["spec"]["ingress"] == []


def test_what_is_pushed_later_reaches_the_next_revision_alone() -> None:
    world = fresh()
    end(world, found())
    [first] = scorers(world)
    world.objects = {key: one for key, one in world.objects.items() if key[0] != "Job"}
    world.settle(600)
    assert asking(world) == []

    world.add(version(2))
    world.settle()
    assert scorers(world) == {first: PINNED}
    assert world.status["stable"]["modelVersion"] == "diabetes-v1"
    assert "goes on serving" in world.condition("Ready")["message"]
    end(world, found(NEWER))
    later = scorers(world)
    assert later[first] == PINNED
    assert {image for name, image in later.items() if name != first} == {
        PINNED.replace(DIGEST, NEWER)
    }


@pytest.mark.parametrize(
    ("reason", "words"), [("ImageNotFound", "push it"), ("ImagePullDenied", "pull secret")]
)
def test_a_registry_that_says_no_is_a_condition_that_heals(reason: str, words: str) -> None:
    world = fresh()
    end(world, refused(reason))
    assert ready(world) == ("False", reason)
    assert world.condition("Stalled")["status"] == "True"
    told = world.condition("ModelResolved")
    assert (told["status"], told["reason"]) == ("False", reason)
    assert f"spec.image: {TAG}" in told["message"]
    assert words in told["message"]
    assert scorers(world) == {}
    [before] = asking(world)

    world.now += timedelta(seconds=31)
    world.settle()
    [again] = asking(world)
    assert again["metadata"]["uid"] != before["metadata"]["uid"]
    # The old no counts until the registry says another word.
    assert ready(world) == ("False", reason)
    end(world, found())
    assert ready(world) == ("True", "Serving")


def test_another_image_is_not_told_the_old_ones_no() -> None:
    world = fresh()
    end(world, refused("ImageNotFound"))
    world.edit(image="myacr.azurecr.io/team/scorer:8")
    world.settle()
    assert ready(world) == ("False", "ResolvingImages")


@pytest.mark.parametrize("answer", [ResolvedImages(), refused("Undecided")])
def test_where_nobody_could_be_asked_nodes_decide(answer: ResolvedImages) -> None:
    world = fresh()
    end(world, answer)
    assert set(scorers(world).values()) == {TAG}
    assert "image" not in world.status["stable"]


def test_a_job_that_failed_leaves_it_to_the_nodes() -> None:
    world = fresh()
    end(world, None, "Failed")
    assert set(scorers(world).values()) == {TAG}


def test_a_pod_that_is_gone_is_asked_anew() -> None:
    world = fresh()
    [before] = asking(world)
    end(world, None)
    [again] = asking(world)
    assert again["metadata"]["uid"] != before["metadata"]["uid"]


@pytest.mark.parametrize("image", [PINNED, "localhost/mine:1"])
def test_what_needs_no_answer_is_not_asked(image: str) -> None:
    world = fresh(image)
    assert asking(world) == []
    assert set(scorers(world).values()) == {image}
    assert ("NetworkPolicy", "diabetes-images") not in world.objects


def test_the_operators_own_image_is_not_asked_for() -> None:
    assert asking(serving()) == []


def test_each_variant_has_its_revision_asked_for() -> None:
    world = fresh(
        variants=[{"name": "xl", "percent": "10", "model": {"name": "diabetes", "version": "1"}}]
    )
    assert len(asking(world)) == 2
    assert scorers(world) == {}
    end(world, found())
    assert set(scorers(world).values()) == {PINNED}
    assert len(scorers(world)) == 2
