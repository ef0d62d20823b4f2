"""An image by tag: its registry is asked once, before the first step has a Job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from comal_operator.core.plan import WriteStatus
from comal_operator.core.training.relevant import RELEVANT
from comal_trainer.contract.images import ResolvedImages, Unresolved
from make import (
    SETTINGS,
    a_run,
    a_waiting_pod,
    an_ended_pod,
    an_object,
    conditions,
    ended_job,
)
from training_moments import Moment, check_moment
from training_world import World, deeds

TAG = "myacr.azurecr.io/team/train:7"
OTHER = "registry.example:5000/eval"
DIGEST = "sha256:" + "d" * 64
NEWER = "sha256:" + "e" * 64
PINNED = f"myacr.azurecr.io/team/train@{DIGEST}"
ASKING = "comal-resolve-images"


def started(*steps: Mapping[str, Any], world: World | None = None, **spec: Any) -> World:
    given = steps or ({"name": "train"},)
    world = world or World()
    world.add(a_run(steps=[{"command": ["x"], **one} for one in given], **{"image": TAG, **spec}))
    world.settle()
    return world


def told(world: World, *digests: str, no: str = "", why: str = "because") -> World:
    """Let the Job answer with these digests; a reason for each image that has none."""
    problems = tuple(Unresolved(at, no, why) for at, digest in enumerate(digests) if not digest)
    found = {str(at): digest for at, digest in enumerate(digests) if digest}
    world.end(ASKING, said=ResolvedImages(found, problems).encode())
    world.settle()
    return world


def jobs(world: World, part: str = "") -> list[str]:
    """Return every Job that was ever made."""
    return [name for kind, name in world.made if kind == "Job" and part in name]


def pod(world: World, step: str) -> dict[str, Any]:
    found: dict[str, Any] = world.job(step)["spec"]["template"]["spec"]
    return found


def image(world: World, step: str) -> str:
    found: str = pod(world, step)["containers"][0]["image"]
    return found


def failed_asking() -> World:
    world = started()
    job = world.job(ASKING)
    world.add(ended_job(job, "Failed", "Job was active longer than specified deadline"))
    return world


def unpullable() -> World:
    world = started()
    world.add(a_waiting_pod(world.job(ASKING), "ImagePullBackOff", "not found"))
    return world


def cancelled() -> World:
    world = started()
    world.add({**world.run(), "spec": {**world.run()["spec"], "cancel": True}})
    return world


def suspended() -> World:
    world = started()
    world.add({**world.run(), "spec": {**world.run()["spec"], "suspend": True}})
    return world


MOMENTS: dict[str, Moment] = {
    "a registry is asked": (started, "ResolvingImages", {"Reconciling"}),
    "it told": (lambda: told(started(), DIGEST), "Running", {"Reconciling"}),
    "it has no such image": (
        lambda: told(started(), "", no="ImageNotFound"),
        "ImageNotFound",
        {"Stalled"},
    ),
    "it lets us not in": (
        lambda: told(started(), "", no="ImagePullDenied"),
        "ImagePullDenied",
        {"Stalled"},
    ),
    "it was not reached": (
        lambda: told(started(), "", no="Undecided"),
        "Running",
        {"Reconciling"},
    ),
    "nobody could ask": (failed_asking, "Running", {"Reconciling"}),
    "who asks has no image": (unpullable, "ImagePullFailed", {"Stalled"}),
    "cancelled meanwhile": (cancelled, "Cancelled", {"Failed:Cancelled"}),
    "suspended meanwhile": (suspended, "Suspended", {"Suspended"}),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_moment(name: str) -> None:
    check_moment(MOMENTS[name])


def test_no_step_has_a_job_before_the_digest_is_written_down() -> None:
    world = started()
    assert jobs(world) == jobs(world, ASKING)
    world.end(ASKING, said=ResolvedImages({"0": DIGEST}).encode())
    first = deeds(world.plan())[0]
    assert isinstance(first, WriteStatus)
    assert first.status["images"] == [{"name": TAG, "digest": DIGEST}]
    assert first.status["steps"] == [{"name": "train", "state": "Pending", "image": PINNED}]
    world.settle()
    assert image(world, "train") == PINNED


def test_a_tag_that_is_pushed_again_changes_nothing() -> None:
    steps: list[dict[str, Any]] = [
        {"name": "prepare", "retry": {"failures": 1}},
        {"name": "train"},
    ]
    world = told(started(*steps), DIGEST)
    world.end("prepare", code=3)
    world.settle()
    # All Jobs and Pods are gone; only the status remembers.
    for key in [key for key in world.objects if key[0] in ("Job", "Pod")]:
        del world.objects[key]
    world.wait(minutes=10)
    world.settle()
    world.end("prepare")
    world.settle()
    assert image(world, "train") == PINNED
    assert len(jobs(world, ASKING)) == 1


def test_all_tags_are_asked_for_at_once_each_by_its_own_name() -> None:
    steps = [{"name": "prepare"}, {"name": "train", "image": OTHER}, {"name": "more"}]
    world = started(*steps)
    assert pod(world, ASKING)["containers"][0]["args"] == [
        "resolve-images",
        f"--image={TAG}",
        f"--image={OTHER}",
    ]
    told(world, DIGEST, NEWER)
    found = [step["image"] for step in world.status()["steps"]]
    assert found == [PINNED, f"registry.example:5000/eval@{NEWER}", PINNED]


@pytest.mark.parametrize(
    "spec",
    [
        {"image": PINNED},
        {"image": "team/train:7@" + DIGEST},
        {"image": "localhost/team/train:7"},
        {"image": "localhost:5000/team/train:7"},
        {"image": "127.0.0.1:5000/team/train"},
        {"image": SETTINGS.trainer_image},
        {"image": "registry.corp/team/train:1"},
        {"image": None},
    ],
)
def test_what_needs_no_registry_costs_no_job(spec: dict[str, Any]) -> None:
    settings = replace(SETTINGS, unresolved_images=("registry.corp/*",))
    said = {key: value for key, value in spec.items() if value}
    world = World(settings=settings).add(a_run(**said))
    world.settle()
    assert jobs(world) == jobs(world, "train")
    assert "images" not in world.status()
    assert not any("images" in name for kind, name in world.made if kind == "NetworkPolicy")


def test_what_no_registry_told_is_left_to_the_first_node_and_said_once() -> None:
    world = told(started(), "", no="Undecided", why="myacr.azurecr.io was not reached")
    assert image(world, "train") == TAG
    assert world.status()["images"] == [
        {"name": TAG, "message": "myacr.azurecr.io was not reached"}
    ]
    [event] = [made for made in world.made if made[0] == "Event"]
    assert world.objects[event]["reason"] == "ImagesUnresolved"
    assert "was not reached" in world.objects[event]["message"]


def test_a_no_names_image_field_and_remedy_and_heals_by_itself() -> None:
    steps = [{"name": "prepare"}, {"name": "train", "image": OTHER}]
    world = told(started(*steps), DIGEST, "", no="ImageNotFound", why="it has no such image")
    message = world.status()["conditions"][0]["message"]
    assert f"image of step train: {OTHER}: it has no such image" in message
    assert "push it" in message
    assert jobs(world) == jobs(world, ASKING)
    world.wait(seconds=31)
    world.settle()
    # What was said counts until something else is: no condition comes and goes meanwhile.
    assert conditions(world.status())["Stalled"] == ("True", "ImageNotFound")
    told(world, DIGEST, NEWER)
    assert image(world, "prepare") == PINNED
    assert "Stalled" not in conditions(world.status())


def test_a_registry_that_goes_on_saying_no_is_asked_ever_more_rarely() -> None:
    world = told(started(), "", no="ImagePullDenied")
    waits = []
    for _ in range(12):
        again = world.plan().requeue_after
        assert again is not None
        waits.append(again.total_seconds())
        world.now += again
        world.settle()
        at = world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = ResolvedImages({}, (Unresolved(0, "ImagePullDenied", "because"),))
        world.add(an_ended_pod(world.job(ASKING), said=answer.encode()))
        job = ended_job(world.job(ASKING))
        world.add({**job, "status": {**job["status"], "completionTime": at}})
        world.settle()
    assert waits[:4] == [30, 30, 60, 120]
    assert waits[-1] == 600


def test_the_job_has_the_accounts_pull_secrets_and_nothing_else() -> None:
    account = an_object("ServiceAccount", "trainer", api="v1")
    account["imagePullSecrets"] = [{"name": "pull"}]
    world = started(world=World().add(account), serviceAccountName="trainer")
    found = pod(world, ASKING)
    assert found["serviceAccountName"] == "trainer"
    assert found["automountServiceAccountToken"] is False
    assert [one.get("secret", {}).get("secretName") for one in found["volumes"]] == ["pull", None]
    [container] = found["containers"]
    assert container["volumeMounts"][0]["mountPath"] == "/comal/pull-secrets/0"
    assert container["image"] == SETTINGS.trainer_image


def test_a_registry_at_azure_is_asked_from_the_image_that_has_its_sdk() -> None:
    settings = replace(SETTINGS, azure_image="azure:1", kubelet_client_id="of-the-kubelet")
    account = an_object("ServiceAccount", "trainer", api="v1")
    account["metadata"]["annotations"] = {"azure.workload.identity/client-id": "id"}
    world = World(settings=settings).add(account)
    started(world=world, serviceAccountName="trainer")
    [container] = pod(world, ASKING)["containers"]
    assert container["image"] == "azure:1"
    assert container["args"][-1] == "--node-identity=of-the-kubelet"
    labels = world.job(ASKING)["spec"]["template"]["metadata"]["labels"]
    assert labels["azure.workload.identity/use"] == "true"


def test_a_run_that_began_by_its_tag_under_an_older_operator_goes_on_so() -> None:
    settings = replace(SETTINGS, unresolved_images=("*",))
    world = started(world=World(settings=settings))
    world.settings = SETTINGS
    world.settle()
    assert jobs(world, ASKING) == []


@pytest.mark.parametrize("digest", [DIGEST, ""])
def test_trials_take_what_the_sweep_found(digest: str) -> None:
    sweep = {
        "parameters": {"alpha": {"choice": ["1", "2"]}},
        "sampler": "Grid",
        "maxTrials": 2,
        "parallelism": 2,
        "objective": {"metric": "mse", "goal": "Minimize"},
    }
    world = started(sweep=sweep)
    assert not any(kind == "TrainingRun" for kind, _ in world.made)
    told(world, digest, no="Undecided")
    trials = [name for kind, name in world.made if kind == "TrainingRun"]
    assert trials == ["diabetes-t0", "diabetes-t1"]
    for trial in trials:
        world.settle(trial)
    assert len(jobs(world, ASKING)) == 1
    images = {
        thing["spec"]["template"]["spec"]["containers"][0]["image"]
        for (kind, name), thing in world.objects.items()
        if kind == "Job" and name.startswith("diabetes-t") and "-train" in name
    }
    assert images == {PINNED if digest else TAG}


def test_a_tag_with_a_digest_is_cached_by_it() -> None:
    step = {"name": "train", "outputs": ["data/"], "cache": {}}
    world = told(started(step), DIGEST)
    assert "notCached" not in world.status()["steps"][0]
    world = told(started(step), "", no="Undecided")
    assert "no registry told" in world.status()["steps"][0]["notCached"]


@pytest.mark.parametrize(
    ("spec", "status", "named"),
    [
        ({"image": TAG, "serviceAccountName": "trainer"}, {}, [("ServiceAccount", "trainer")]),
        ({"image": PINNED, "serviceAccountName": "trainer"}, {}, []),
        ({"image": TAG, "serviceAccountName": "trainer"}, {"images": [{"name": TAG}]}, []),
        ({"serviceAccountName": "trainer"}, {}, []),
    ],
)
def test_an_account_is_read_only_while_its_secrets_are_wanted(
    spec: dict[str, Any], status: dict[str, Any], named: list[tuple[str, str]]
) -> None:
    run = {**a_run(**spec), "status": status}
    assert list(RELEVANT.by_name(run)) == named
