"""The smoke test: before any share, once, and remembered."""

from __future__ import annotations

from typing import Any

from comal_operator.core.serving.acknowledgement import traffic_of
from comal_trainer.contract.smoke import Smoked, read_trial
from make import an_object
from serving_cluster import Object
from serving_moments import course, revisions, serving, version
from serving_world import ServingWorld, an_endpoint

SMOKE = {
    "body": '{"data": [[1, 2]]}',
    "headers": [{"name": "traceparent", "value": "00-1-2-00"}],
    "expect": {"status": 200, "json": '{"result": [null]}', "tolerance": "0.02"},
    "retries": 5,
}
STEPS = [{"percent": "0", "smoke": SMOKE}, {"percent": "10", "for": "60s"}]


def candidate(**rollout: Any) -> ServingWorld:
    """Version 1 serves, and version 2 is about to be tried."""
    world = serving()
    world.edit(rollout={**world.mdep["spec"]["rollout"], **rollout})
    world.add(version(2))
    world.settle()
    return world


def jobs(world: ServingWorld) -> list[Object]:
    return [one for (kind, _), one in sorted(world.objects.items()) if kind == "Job"]


def end(world: ServingWorld, *, passed: bool, message: str = "POST /score: HTTP 500") -> None:
    """Let the Pod of the newest Job say how it ended."""
    job = jobs(world)[-1]
    pod = an_object("Pod", f"{job['metadata']['name']}-x", api="v1")
    pod["metadata"]["labels"] = dict(job["spec"]["template"]["metadata"]["labels"])
    pod["metadata"]["deployment"] = "gone"
    pod["metadata"]["ownerReferences"] = [{"uid": job["metadata"]["uid"], "controller": True}]
    ended = {"exitCode": 0, "message": Smoked(passed, message).encode()}
    pod["status"] = {
        "phase": "Succeeded",
        "containerStatuses": [{"name": "smoke", "state": {"terminated": ended}}],
    }
    world.add(pod)
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    world.settle()


def test_no_share_before_the_answer_is_right() -> None:
    world = candidate(steps=STEPS)
    assert (course(world), world.status["weight"]) == ("Going SmokeTesting", "0")
    [job] = jobs(world)
    flag = job["spec"]["template"]["spec"]["containers"][0]["args"][1]
    trial = read_trial(flag.removeprefix("--trial="))
    revision = world.status["candidate"]["revision"]
    assert trial.url == f"http://diabetes-{revision}:8080/score"
    assert (trial.method, trial.retries, trial.tolerance) == ("POST", 5, 0.02)
    assert trial.headers == {"traceparent": "00-1-2-00"}
    world.settle(300)
    assert world.status["weight"] == "0"
    end(world, passed=True)
    assert world.status["weight"] == "10"
    assert world.status["smoke"]["passed"]
    # Long after, when the Job has been cleared away, nobody makes another one.
    world.objects.pop(("Job", job["metadata"]["name"]))
    world.settle(30)
    assert not jobs(world)


def test_a_wrong_answer_rolls_back_before_any_caller_saw_it() -> None:
    world = candidate(steps=STEPS)
    end(world, passed=False, message="POST /score: answer.result has 1 items, not 2")
    assert (course(world), revisions(world)) == ("Stalled RolledBack", "1")
    assert "SmokeTestFailed: POST /score: answer.result" in world.condition("Ready")["message"]
    assert world.condition("AnalysisHealthy")["reason"] == "SmokeTestFailed"


def test_a_wrong_answer_may_be_held_and_tried_anew() -> None:
    world = candidate(steps=STEPS, onFailure="Hold")
    end(world, passed=False)
    assert course(world) == "Going Held"
    revision = world.status["candidate"]["revision"]
    world.mdep["metadata"]["annotations"] = {"comal.dev/request": f"resume@{revision}#1"}
    world.settle()
    assert len(jobs(world)) == 2
    end_newest(world)
    assert world.status["weight"] == "10"


def end_newest(world: ServingWorld) -> None:
    old = [one for one in jobs(world) if one.get("status")]
    [new] = [one for one in jobs(world) if one not in old]
    for one in old:
        world.objects.pop(("Job", one["metadata"]["name"]))
    assert jobs(world) == [new]
    end(world, passed=True)


def test_a_job_that_could_not_run_says_nothing_about_the_candidate() -> None:
    world = candidate(steps=STEPS)
    [job] = jobs(world)
    since = world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    failed: dict[str, Any] = {"type": "Failed", "status": "True", "lastTransitionTime": since}
    job["status"] = {"conditions": [failed]}
    world.settle(30)
    assert jobs(world) == [job]
    world.settle(60)
    [again] = jobs(world)
    assert again["metadata"]["uid"] != job["metadata"]["uid"]
    assert course(world) == "Going SmokeTesting"


def first(**rollout: Any) -> ServingWorld:
    """The first revision of all is available."""
    world = ServingWorld().add(an_endpoint(rollout={"steps": STEPS, **rollout}), version(1))
    world.settle()
    return world


def test_the_first_revision_of_all_gets_no_request_before_it_has_answered_right() -> None:
    world = first()
    assert course(world) == "Going SmokeTesting"
    assert (revisions(world), traffic_of(world.secret)) == ("-/1", {})
    world.settle(3600)
    assert traffic_of(world.secret) == {}
    end(world, passed=True)
    assert course(world) == "Ready Serving"
    assert revisions(world) == "1"
    # It was tried once: nothing of it is left to do when its Job has been cleared away.
    world.objects.pop(("Job", jobs(world)[0]["metadata"]["name"]))
    assert not world.settle(30).actions
    assert not jobs(world)


def test_a_first_revision_that_answers_wrong_stands_still_and_says_what_was_wrong() -> None:
    world = first()
    end(world, passed=False)
    assert course(world) == "Stalled SmokeTestFailed"
    assert "POST /score: HTTP 500" in world.condition("Ready")["message"]
    assert world.condition("Available")["status"] == "False"
    assert not world.settle(60).actions
    # Another test is another try, and so is another look an hour later.
    [failed] = jobs(world)
    other = [{"percent": "0", "smoke": {**SMOKE, "retries": 6}}, *STEPS[1:]]
    world.edit(rollout={**world.mdep["spec"]["rollout"], "steps": other})
    world.settle()
    assert course(world) == "Going SmokeTesting"
    world.objects.pop(("Job", failed["metadata"]["name"]))
    end(world, passed=True)
    assert course(world) == "Ready Serving"


def test_a_person_may_let_the_first_revision_serve_untried() -> None:
    world = first()
    end(world, passed=False)
    revision = world.status["candidate"]["revision"]
    world.mdep["metadata"]["annotations"] = {"comal.dev/request": f"promote@{revision}#1"}
    world.settle()
    assert course(world) == "Ready Serving"
