"""Further checks: which Job asks, what its end means, and what an answer that is none means."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.api.rollout_checks import CHECK_VARIABLES
from comal_operator.core.conditions import parse_timestamp
from comal_trainer.contract.check import Checked, read_query
from make import an_object
from serving_cluster import Object
from serving_moments import course, revisions, serving, version
from serving_world import ServingWorld

PSI: dict[str, Any] = {
    "name": "psi",
    "prometheus": {
        "address": "http://prometheus.monitoring:9090",
        "query": 'max(psi{revision="$(COMAL_CANDIDATE_REVISION)"})',
        "max": "0.2",
        "every": "1m",
    },
}
EVAL: dict[str, Any] = {
    "name": "eval",
    "job": {
        "image": "example.com/eval:1",
        "command": ["python", "-m", "evaluate"],
        "args": ["--url=$(COMAL_CANDIDATE_URL)"],
        "env": [{"name": "SAMPLES", "value": "100"}],
        "secretName": "data-login",
    },
}
STEPS = [{"percent": "10", "for": "150s"}]


def checked(*checks: dict[str, Any], steps: Any = STEPS, **rollout: Any) -> ServingWorld:
    """Version 1 serves, and version 2 is to be checked."""
    analysis = {"checks": list(checks), **rollout.pop("analysis", {})}
    world = serving(steps=steps, analysis=analysis, **rollout)
    world.add(version(2))
    world.settle()
    return world


def running(world: ServingWorld) -> list[Object]:
    found = [one for (kind, _), one in sorted(world.objects.items()) if kind == "Job"]
    return [one for one in found if "status" not in one]


def container(job: Object) -> Any:
    [found] = job["spec"]["template"]["spec"]["containers"]
    return found


def end(world: ServingWorld, code: int = 0, message: str = "", **pod_status: Any) -> None:
    """Let the Pod of the only Job that runs end so."""
    [job] = running(world)
    pod = an_object("Pod", f"{job['metadata']['name']}-x", api="v1")
    pod["metadata"]["labels"] = dict(job["spec"]["template"]["metadata"]["labels"])
    pod["metadata"]["deployment"] = "gone"
    pod["metadata"]["ownerReferences"] = [{"uid": job["metadata"]["uid"], "controller": True}]
    ended = {"exitCode": code, "message": message, **pod_status.pop("ended", {})}
    state = {"name": "check", "state": {"terminated": ended}}
    pod["status"] = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [state]}
    pod["status"] |= pod_status
    world.add(pod)
    if not pod_status:
        job["status"] = {"conditions": [{"type": "Failed" if code else "Complete"}]}
        job["status"]["conditions"][0] |= {"status": "True", "lastTransitionTime": "x"}
    world.settle()


def told(world: ServingWorld, state: str, message: str = "0.1 (at most 0.2)") -> None:
    end(world, message=Checked(state, message).encode())


def results(world: ServingWorld) -> dict[str, str]:
    found = (world.status.get("analysis") or {}).get("checks") or ()
    return {one["name"]: f"{one['state']}: {one['message']}" for one in found}


def test_a_program_judges_before_the_first_live_request() -> None:
    world = checked(EVAL)
    assert (course(world), world.status["weight"]) == ("Going Checking", "0")
    assert "check eval runs" in world.condition("Ready")["message"]
    [job] = running(world)
    found = container(job)
    mine, stable = world.status["candidate"]["revision"], world.status["stable"]["revision"]
    values = {one["name"]: one["value"] for one in found["env"]}
    assert values == {
        "COMAL_ENDPOINT": "diabetes",
        "COMAL_NAMESPACE": "team",
        "COMAL_CANDIDATE_PERCENT": "0",
        "COMAL_CANDIDATE_REVISION": mine,
        "COMAL_CANDIDATE_MODEL_VERSION": "diabetes-v2",
        "COMAL_CANDIDATE_URL": f"http://diabetes-{mine}:8080",
        "COMAL_STABLE_REVISION": stable,
        "COMAL_STABLE_MODEL_VERSION": "diabetes-v1",
        "COMAL_STABLE_URL": f"http://diabetes-{stable}:8080",
        "SAMPLES": "100",
    }
    assert set(values) - {"SAMPLES"} == set(CHECK_VARIABLES)
    assert found["envFrom"] == [{"secretRef": {"name": "data-login"}}]
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    assert job["spec"]["activeDeadlineSeconds"] == 600
    end(world, message="accuracy 0.93\nall good")
    assert world.status["weight"] == "10"
    assert results(world) == {"eval": "Passed: exit code 0: all good"}
    # Once means once: neither later steps nor the end of its Job ask again.
    world.settle(400)
    assert revisions(world) == "2"
    assert not running(world)


def test_any_other_exit_code_rolls_back_and_the_end_of_the_log_is_told() -> None:
    world = checked(EVAL)
    end(world, 3, "loaded\naccuracy 0.71 is below 0.9")
    assert (course(world), revisions(world)) == ("Stalled RolledBack", "1")
    message = world.condition("Ready")["message"]
    assert "CheckFailed: check eval: exit code 3" in message
    assert "accuracy 0.71 is below 0.9" in message
    assert world.condition("AnalysisHealthy")["reason"] == "CheckFailed"


def test_a_program_may_judge_each_step_that_has_requests() -> None:
    each = {**EVAL, "job": {**EVAL["job"], "run": "EachStep"}}
    world = checked(each)
    assert world.status["weight"] == "10"
    for percent in ("10", "100"):
        [job] = running(world)
        values = {one["name"]: one["value"] for one in container(job)["env"]}
        assert values["COMAL_CANDIDATE_PERCENT"] == percent
        world.settle(160)
        assert world.status["weight"] == percent
        end(world)
        world.settle(1)
    assert revisions(world) == "2"


def test_a_query_is_asked_at_the_start_each_minute_and_at_the_end_of_a_step() -> None:
    world = checked(PSI)
    revision = world.status["candidate"]["revision"]
    since, asked_at = parse_timestamp(world.status["stepSince"]), []
    while world.status["weight"] == "10":
        for job in running(world):
            made = parse_timestamp(job["metadata"]["creationTimestamp"])
            asked_at.append((made - since).total_seconds())
            told(world, "passed")
        world.settle(1)
    # At 150 seconds its time is over: nothing on which it goes on is older than that.
    assert [round(one / 10) * 10 for one in asked_at] == [0, 60, 120, 150]
    [query] = {container(one)["args"][1].removeprefix("--query=") for one in jobs(world)}
    found = read_query(query)
    assert found.query == f'max(psi{{revision="{revision}"}})'
    assert (found.min, found.max, found.tries) == (None, "0.2", 3)


def jobs(world: ServingWorld) -> list[Object]:
    return [one for (kind, _), one in sorted(world.objects.items()) if kind == "Job"]


def test_a_bad_value_rolls_back_and_stands_in_the_condition() -> None:
    world = checked(PSI)
    told(world, "failed", "0.31 instead of at most 0.2")
    assert (course(world), revisions(world)) == ("Stalled RolledBack", "1")
    text = "CheckFailed: check psi: 0.31 instead of at most 0.2"
    assert text in world.condition("Ready")["message"]
    [rejected] = world.status["rejected"]
    assert text == f"{rejected['reason']}: {rejected['message']}"


def test_one_bad_value_of_several_may_be_chance() -> None:
    world = checked({**PSI, "prometheus": {**PSI["prometheus"], "failures": 2}})
    told(world, "failed", "0.31")
    assert (world.status["weight"], results(world)) == ("10", {"psi": "Failed: 0.31"})
    world.settle(61)
    told(world, "passed")
    world.settle(61)
    told(world, "failed", "0.32")
    assert world.status["weight"] == "10"
    # The step's time is over, and the last answer was bad: asked again, not passed.
    world.settle(61)
    told(world, "failed", "0.33")
    assert course(world) == "Stalled RolledBack"


@pytest.mark.parametrize("rule", ["Hold", "Rollback", "Continue"])
def test_what_cannot_be_evaluated_is_neither_good_nor_bad(rule: str) -> None:
    world = checked(PSI, analysis={"onError": rule}, deadline="20m")
    told(world, "error", "no answer: refused")
    if rule == "Rollback":
        assert course(world) == "Stalled RolledBack"
        assert "CheckError: check psi: no answer" in world.condition("Ready")["message"]
        return
    assert world.status["weight"] == "10"
    assert results(world) == {"psi": "Error: no answer: refused"}
    for _ in range(30):
        world.settle(61)
        if running(world):
            told(world, "error", "no answer: refused")
    if rule == "Continue":
        assert revisions(world) == "2"
        return
    # It ends all the same, and says on what it waited.
    assert course(world) == "Stalled RolledBack"
    message = world.condition("Ready")["message"]
    assert "DeadlineExceeded" in message
    assert "check psi: no answer: refused" in message


def test_a_program_that_could_not_run_has_judged_nothing() -> None:
    world = checked(EVAL)
    end(world, 143, "stopping", reason="Evicted")
    assert (course(world), results(world)) == ("Going Checking", {})
    end_again(world, 137, ended={"reason": "OOMKilled"})
    assert "OOMKilled: raise job.resources" in results(world)["eval"]
    assert course(world) == "Going Checking"
    world.settle(61)
    [job] = running(world)
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": "x"}
    job["status"] = {"conditions": [{**failed, "message": "Job was active longer than 600 s"}]}
    world.settle()
    assert "Job was active longer" in world.condition("Ready")["message"]
    world.settle(61)
    end(world)
    assert world.status["weight"] == "10"


def end_again(world: ServingWorld, code: int, **more: Any) -> None:
    """Let the Pod that replaced an evicted one end."""
    [job] = running(world)
    world.objects.pop(("Pod", f"{job['metadata']['name']}-x"))
    end(world, code, **more)


def test_what_keeps_a_program_from_running_is_told_while_it_waits() -> None:
    world = checked(EVAL)
    [job] = running(world)
    pod = an_object("Pod", "eval-x", api="v1")
    pod["metadata"]["labels"] = dict(job["spec"]["template"]["metadata"]["labels"])
    pod["metadata"]["deployment"] = "gone"
    pod["metadata"]["ownerReferences"] = [{"uid": job["metadata"]["uid"], "controller": True}]
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    pod["status"] = {"containerStatuses": [{"name": "check", "state": waiting}]}
    world.add(pod)
    world.settle()
    said = "check eval runs: ImagePullBackOff: no such image"
    assert said in world.condition("Ready")["message"]


def test_nobody_waits_for_the_program_of_a_candidate_that_is_gone() -> None:
    world = checked(EVAL)
    revision = world.status["candidate"]["revision"]
    world.mdep["metadata"]["annotations"] = {"comal.dev/request": f"abort@{revision}#1"}
    world.settle()
    assert course(world) == "Stalled RolledBack"
    assert not jobs(world)


@pytest.mark.parametrize(("code", "course_then"), [(0, "Going"), (1, "Stalled")])
def test_a_job_whose_pod_has_ended_is_left_to_end(code: int, course_then: str) -> None:
    """The Job says so a moment after its Pod; to delete it then would take the Pod's log away."""
    world = checked(EVAL)
    end(world, code, ended={"reason": "Completed"}, phase="Succeeded")
    assert results(world) or code
    assert course(world).startswith(course_then)
    [job] = jobs(world)
    assert "status" not in job


def test_a_query_that_will_be_asked_again_is_not_when_nobody_waits() -> None:
    world = checked(PSI)
    end(world, 1, "not an answer", phase="Failed")
    assert course(world).startswith("Going")
    assert not running(world)


def test_promoted_by_hand_it_is_not_asked() -> None:
    world = checked(EVAL)
    revision = world.status["candidate"]["revision"]
    world.mdep["metadata"]["annotations"] = {"comal.dev/request": f"promote@{revision}#1"}
    world.settle(30)
    assert revisions(world) == "2"
    assert not jobs(world)


def test_a_held_candidate_that_is_resumed_is_asked_anew() -> None:
    world = checked(EVAL, onFailure="Hold")
    end(world, 1, "no")
    assert course(world) == "Going Held"
    revision = world.status["candidate"]["revision"]
    world.mdep["metadata"]["annotations"] = {"comal.dev/request": f"resume@{revision}#1"}
    world.settle()
    assert course(world) == "Going Checking"
    end(world)
    assert world.status["weight"] == "10"


def test_checks_reach_the_network_only_where_there_are_some() -> None:
    name = ("NetworkPolicy", "diabetes-check")
    assert name not in serving().objects
    rules = checked(EVAL).objects[name]["spec"]
    assert rules["ingress"] == []
    assert "169.254.169.254/32" in str(rules["egress"])
