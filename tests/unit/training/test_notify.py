"""Moments of webhooks: told once of each edge before it is remembered, and not waited for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comal_operator.core.plan import Create, Manifest, WriteStatus
from make import GATE, a_registry, a_run, a_version, an_ended_pod, conditions
from training_world import World, deeds

HOOK = {"webhook": {"secretRef": {"name": "hook"}}}


def notified(*notices: Any, **spec: Any) -> World:
    world = World().add(a_run(notify=list(notices) or [HOOK], **spec), a_registry())
    world.settle()
    return world


def jobs(world: World) -> list[Manifest]:
    return [
        world.objects[key]
        for key in sorted(world.objects)
        if key[0] == "Job"
        and world.objects[key]["metadata"]["labels"]["app.kubernetes.io/component"]
        == "training-notify"
    ]


def events(world: World) -> list[Any]:
    texts = [job["spec"]["template"]["spec"]["containers"][0]["args"][1] for job in jobs(world)]
    return [json.loads(text.removeprefix("--event=").replace("$$(", "$(")) for text in texts]


def types(world: World) -> list[str]:
    return [event["type"].rpartition(".")[2] for event in events(world)]


def gated(*there: Any, mse: str, **gate: Any) -> World:
    world = World().add(
        a_run(notify=[HOOK], gate={**GATE, **gate}, register={"model": "diabetes"}),
        a_registry(diabetes=len(there)),
        *there,
    )
    world.settle()
    world.end("train")
    world.settle()
    world.end("comal-collect", said={"metrics": {"mse": mse}, "error": None})
    world.settle()
    return world


def interrupted(times: int, **retry: Any) -> World:
    steps = [{"name": "train", "command": ["train"], "retry": {"interruptions": 3, **retry}}]
    world = notified(steps=steps)
    for _ in range(times):
        evict(world)
        world.settle()
    return world


def evict(world: World) -> None:
    job = world.job("train")
    world.end("train", code=137)
    name = next(
        key
        for key, pod in world.objects.items()
        if key[0] == "Pod"
        and pod["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    )
    pod = world.objects[name]
    disrupted = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    world.objects[name] = {**pod, "status": {**pod["status"], "conditions": [disrupted]}}


def test_a_complete_run_tells_so_once() -> None:
    world = notified(experiment="diabetes", source={"revision": "4be1c0d"})
    assert jobs(world) == []
    world.end("train")
    world.settle()
    (event,) = events(world)
    assert event["specversion"] == "1.0"
    assert event["type"] == "dev.comal.trainingrun.completed"
    assert event["source"].endswith("/namespaces/team/trainingruns/diabetes")
    assert event["data"]["message"] == conditions_message(world)
    assert event["data"]["experiment"] == "diabetes"
    assert event["data"]["source"] == {"revision": "4be1c0d"}
    # And never again, whatever is deleted.
    del world.objects["Job", jobs(world)[0]["metadata"]["name"]]
    world.wait(days=400)
    assert world.plan().actions == ()


def conditions_message(world: World) -> str:
    said = next(c for c in world.status()["conditions"] if c["type"] == "Complete")
    return str(said["message"])


def test_the_job_is_made_before_the_end_is_remembered_and_not_waited_for() -> None:
    world = notified()
    world.end("train")
    first, *rest = deeds(world.plan())
    assert isinstance(first, Create)
    assert isinstance(rest[0], WriteStatus)
    world.settle()
    assert conditions(world.status())["Complete"]


def test_a_failed_run_tells_so() -> None:
    world = notified()
    world.end("train", code=3)
    world.settle()
    assert types(world) == ["failed"]
    assert events(world)[0]["data"]["reason"] == "StepFailed"


def test_a_rejected_model_is_no_completion() -> None:
    world = gated(a_version(1, mse="10"), mse="20")
    assert types(world) == ["rejected"]
    told = events(world)[0]["data"]
    assert told["gate"]["candidate"] == "20"
    assert "comparison" not in told["gate"]
    assert told["metric"] == "mse=20"


@pytest.mark.parametrize(("when", "told"), [("Failed", 1), ("Rejected", 1), ("Completed", 0)])
def test_a_run_that_its_gate_fails_is_both(when: str, told: int) -> None:
    world = World().add(
        a_run(
            notify=[{**HOOK, "when": [when]}],
            gate={**GATE, "onReject": "Fail"},
            register={"model": "diabetes"},
        ),
        a_registry(diabetes=1),
        a_version(1, mse="10"),
    )
    world.settle()
    world.end("train")
    world.settle()
    world.end("comal-collect", said={"metrics": {"mse": "20"}, "error": None})
    world.settle()
    assert types(world) == ["rejected"] * told


def test_each_interruption_is_told_once() -> None:
    world = interrupted(2)
    assert types(world) == ["interrupted", "interrupted"]
    assert {event["data"]["step"] for event in events(world)} == {"train"}
    assert len({event["id"] for event in events(world)}) == 2


def test_the_last_interruption_is_told_and_the_end_too() -> None:
    world = interrupted(1, interruptions=0)
    assert sorted(types(world)) == ["failed", "interrupted"]


def test_what_a_webhook_did_not_ask_for_is_not_told() -> None:
    world = notified({**HOOK, "when": ["Failed"]}, {**HOOK, "when": ["Completed"]})
    world.end("train")
    world.settle()
    assert types(world) == ["completed"]


def test_a_cancelled_run_tells_nobody() -> None:
    world = notified()
    run = world.run()
    world.add({**run, "spec": {**run["spec"], "cancel": True}})
    world.settle()
    assert jobs(world) == []


def test_what_the_api_server_refuses_holds_up_nothing() -> None:
    world = notified()
    world.end("train")
    first, *_ = deeds(world.plan())
    assert isinstance(first, Create)
    world.refusals["Job", first.manifest["metadata"]["name"]] = "exceeded quota: jobs"
    world.settle()
    assert conditions(world.status())["Complete"]
    assert jobs(world) == []


def test_a_webhook_is_told_to_the_end_whatever_becomes_of_the_run() -> None:
    world = interrupted(1)
    run = world.run()
    world.add({**run, "spec": {**run["spec"], "suspend": True, "ttl": {"children": "0s"}}})
    world.settle()
    assert types(world) == ["interrupted"]
    run = world.run()
    world.add({**run, "spec": {**run["spec"], "cancel": True}})
    world.settle()
    world.wait(days=1)
    world.settle()
    assert types(world) == ["interrupted"]
    world.add(ended(jobs(world)[0]))
    world.settle()
    assert jobs(world) == []


def ended(job: Manifest) -> Manifest:
    done = {"type": "Complete", "status": "True"}
    return {**job, "status": {"conditions": [done]}}


def test_the_pod_sees_the_secret_and_nothing_else() -> None:
    world = notified({"webhook": {"secretRef": {"name": "hook", "key": "teams"}}})
    world.end("train")
    world.settle()
    pod = jobs(world)[0]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert [volume["name"] for volume in pod["volumes"]] == ["webhook", "tmp"]
    assert pod["volumes"][0]["secret"]["secretName"] == "hook"
    assert pod["volumes"][0]["secret"]["items"] == [{"key": "teams", "path": "url"}]
    (policy,) = (
        thing
        for (kind, name), thing in world.objects.items()
        if kind == "NetworkPolicy" and "-notify-" in name
    )
    excepted = policy["spec"]["egress"][1]["to"][0]["ipBlock"]["except"]
    assert excepted == ["169.254.169.254/32"]


def failed(job: Manifest, message: str = "BackoffLimitExceeded", **more: str) -> Manifest:
    done = {"type": "Failed", "status": "True", "message": message, **more}
    return {**job, "status": {"conditions": [done]}}


def missed(world: World) -> str | None:
    """Return what the run says of webhooks that were not told."""
    said = [one for one in world.status()["conditions"] if one["type"] == "Notified"]
    assert all((one["status"], one["reason"]) == ("False", "WebhookNotTold") for one in said)
    return said[0]["message"] if said else None


def test_an_ended_run_says_which_webhook_was_not_told_and_goes_on_saying_it() -> None:
    world = notified({"webhook": {"secretRef": {"name": "teams"}}}, HOOK, ttl={"children": "1h"})
    world.end("train")
    world.settle()
    before = world.status()["conditions"]
    assert missed(world) is None
    one, other = jobs(world)
    if one["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"] != "teams":
        one, other = other, one
    world.add(failed(one), an_ended_pod(one, code=64, said="trying again\nerror: HTTP 404\n"))
    world.add(ended(other))
    world.settle()
    name = one["metadata"]["name"]
    assert missed(world) == f"Job {name} did not tell the webhook of Secret teams: error: HTTP 404"
    assert [c for c in world.status()["conditions"] if c["type"] != "Notified"] == before
    # The second look is silent, and so is every later one: Job and Pod are gone then.
    said = world.status()
    world.wait(days=1)
    world.settle()
    assert jobs(world) == []
    run = world.run()
    world.add({**run, "metadata": {**run["metadata"], "generation": 2}})
    world.settle()
    assert world.status()["observedGeneration"] == 2
    assert missed(world) == next(
        c["message"] for c in said["conditions"] if c["type"] == "Notified"
    )


def test_a_run_on_its_way_says_it_too_and_adds_to_it() -> None:
    world = interrupted(2)
    first, second = jobs(world)
    world.add(failed(first, reason="DeadlineExceeded"))
    world.settle()
    told = missed(world)
    assert told is not None
    assert "Secret hook" in told
    assert "15 minutes" in told
    del world.objects["Job", first["metadata"]["name"]]
    world.add(failed(second, "reached the limit"))
    world.settle()
    assert missed(world) == (
        f"{told}; Job {second['metadata']['name']} did not tell the webhook of Secret hook:"
        " reached the limit"
    )
    assert conditions(world.status())["Reconciling"]


def test_a_job_that_could_not_be_made_is_named() -> None:
    world = notified()
    world.end("train")
    first, *_ = deeds(world.plan())
    assert isinstance(first, Create)
    name = first.manifest["metadata"]["name"]
    world.refusals["Job", name] = "exceeded quota: jobs"
    world.settle()
    # A refusal is of one pass only.
    world.refusals.clear()
    world.settle()
    assert missed(world) == f"Job {name} was refused: exceeded quota: jobs"


def test_a_strangers_job_is_none_of_the_runs() -> None:
    world = notified()
    world.end("train")
    world.settle()
    (job,) = jobs(world)
    owner = {**job["metadata"]["ownerReferences"][0], "uid": "another"}
    stranger = {**job["metadata"], "name": "stranger", "ownerReferences": [owner]}
    world.add(failed({**job, "metadata": stranger}))
    world.settle()
    assert missed(world) is None
