"""Moments in the life of a TrainingRun, and what each leads to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from comal_operator.core.plan import Create, Delete, EventsOf, LogTail, WriteStatus
from make import (
    a_gated_run,
    a_registry,
    a_run,
    a_version,
    a_waiting_pod,
    an_ended_pod,
    an_object,
    an_unplaced_pod,
    conditions,
    ended_job,
    owned,
)
from training_world import ANSWERS, World


def training(**spec: Any) -> World:
    """A run whose only step has its Job, without a Pod yet."""
    world = World().add(a_run(**spec))
    world.settle()
    return world


def gated(*there: Any, **register: Any) -> World:
    return World().add(a_gated_run(**register), a_registry(diabetes=len(there)), *there)


def pulls(reason: str) -> World:
    world = training()
    world.add(a_waiting_pod(world.job("train"), reason, "not found"))
    return world


def pulls_again() -> World:
    world = pulls("ImagePullBackOff")
    world.settle()
    world.add(a_waiting_pod(world.job("train"), "ErrImagePull", "other words"))
    return world


def no_class(event: tuple[str, str]) -> World:
    world = training(workspace={"storageClassName": "nope"})
    world.add(an_unplaced_pod(world.job("train"), "unbound claim"))
    claim = next(thing for (kind, _), thing in world.objects.items() if kind[:4] == "Pers")
    meta = claim["metadata"]
    world.answers[EventsOf(claim["kind"], meta["name"], meta["uid"])] = [event]
    return world


def no_pod(message: str) -> World:
    world = training()
    meta = world.job("train")["metadata"]
    world.answers[EventsOf("Job", meta["name"], meta["uid"])] = [("FailedCreate", message)]
    world.wait(seconds=10)
    return world


def not_mounted() -> World:
    world = training()
    pod = a_waiting_pod(world.job("train"), "ContainerCreating")
    meta = pod["metadata"]
    world.answers[EventsOf("Pod", meta["name"], meta["uid"])] = [("FailedMount", "no such secret")]
    world.add(pod).wait(seconds=30)
    return world


def refused(message: str) -> World:
    world = World().add(a_run())
    job = next(
        action.manifest for action in iter_creations(world) if action.manifest["kind"] == "Job"
    )
    world.refusals["Job", job["metadata"]["name"]] = message
    return world


def iter_creations(world: World) -> list[Create]:
    """Return every creation of a run's first pass, in a world that is then thrown away."""
    found, trial = [], world.copy()
    for _ in range(20):
        plan = trial.plan()
        if not plan.actions or not isinstance(plan.actions[0], Create):
            break
        found.append(plan.actions[0])
        trial.carry_out(plan)
    return found


def squatted() -> World:
    world = World().add(a_run())
    job = next(a.manifest for a in iter_creations(world) if a.manifest["kind"] == "Job")
    spoof = an_object("Job", job["metadata"]["name"], api="batch/v1")
    return world.add(ended_job(spoof))


def fails(code: int, said: str) -> World:
    world = training()
    world.end("train", code=code, said=said)
    return world


def node_gone() -> World:
    world = training()
    return world.add(ended_job(world.job("train"), "Failed", "Job has reached the backoff limit"))


def lost_workspace() -> World:
    world = World().add(a_run("prepare", "train"))
    world.settle()
    world.end("prepare")
    world.settle()
    for key in [k for k in world.objects if k[0] in ("PersistentVolumeClaim", "Job", "Pod")]:
        del world.objects[key]
    return world


def existing_claim() -> World:
    return World().add(a_run(workspace={"existingClaim": "azure-managed-disk"}))


def reported(job: str, said: Any, *there: Any, **register: Any) -> World:
    """A run whose built-in `job` said that."""
    world = gated(*there, **register)
    for step in ("train", "comal-collect", "comal-convert", "comal-register"):
        world.settle()
        world.end(step, said=said if step == job else None)
        if step == job:
            break
    return world


def wrong(reason: str) -> dict[str, Any]:
    return {"metrics": {}, "error": {"reason": reason, "message": "metrics.json is wrong"}}


def mse(value: str) -> dict[str, Any]:
    return {"metrics": {"mse": value}, "error": None}


def error(reason: str, **more: Any) -> dict[str, Any]:
    return {"error": {"reason": reason, "message": "it says why"}, **more}


def job_fails(job: str) -> World:
    world = reported(job, "")
    world.add(an_ended_pod(world.job(job), code=75, said="the registry is away"))
    return world.add(ended_job(world.job(job), "Failed"))


def without_registry() -> World:
    world = World().add(a_gated_run(registry="elsewhere"))
    for step in ("train", "comal-collect", "comal-convert"):
        world.settle()
        world.end(step)
    return world


def with_slow_registry() -> World:
    world = World().add(a_gated_run(), a_registry(ready=False))
    world.register_everything(upto="comal-convert")
    return world


def done(*there: Any, **register: Any) -> World:
    world = gated(*there, **register)
    world.register_everything()
    world.settle()
    world.remember_numbers()
    return world


def broken() -> World:
    run = a_run()
    return World().add({**run, "spec": {"steps": "train"}})


def reported_steps() -> World:
    world = training()
    world.end("train")
    return world


# id: (world, reason of Ready, the other conditions; ! for False)
MOMENTS: dict[str, tuple[Callable[[], World], str, set[str]]] = {
    "new: the Job is made and runs": (training, "Running", {"Reconciling"}),
    "the first failed pull may be the network": (
        lambda: pulls("ErrImagePull"),
        "ImagePullFailed",
        {"Reconciling"},
    ),
    "a pull that fails again takes a person": (
        lambda: pulls("ImagePullBackOff"),
        "ImagePullFailed",
        {"Stalled"},
    ),
    "the kubelet's turns do not flap": (pulls_again, "ImagePullFailed", {"Stalled"}),
    "an image name that is none": (
        lambda: pulls("InvalidImageName"),
        "ImagePullFailed",
        {"Stalled"},
    ),
    "a Secret key that is not there": (
        lambda: pulls("CreateContainerConfigError"),
        "ContainerConfigInvalid",
        {"Stalled"},
    ),
    "a StorageClass that is not there": (
        lambda: no_class(("ProvisioningFailed", 'storageclass "nope" not found')),
        "StorageClassNotFound",
        {"Stalled"},
    ),
    "no default StorageClass": (
        lambda: no_class(("FailedBinding", "no volumes and no storage class is set")),
        "StorageClassNotFound",
        {"Stalled"},
    ),
    "a volume that cannot be made yet": (
        lambda: no_class(("ProvisioningFailed", "the disk service is busy")),
        "Unschedulable",
        {"Reconciling"},
    ),
    "no node has room": (
        lambda: no_class(("WaitForFirstConsumer", "waiting")),
        "Unschedulable",
        {"Reconciling"},
    ),
    "the quota is used up": (
        lambda: no_pod("exceeded quota: compute"),
        "QuotaExceeded",
        {"Reconciling"},
    ),
    "Pod Security refuses the Pod": (
        lambda: no_pod("violates PodSecurity"),
        "PodRefused",
        {"Stalled"},
    ),
    "a volume that cannot be mounted": (not_mounted, "VolumeNotMounted", {"Reconciling"}),
    "the API server refuses the Job": (
        lambda: refused("limits must be at least requests"),
        "ChildRefused",
        {"Stalled"},
    ),
    "the quota of Jobs is used up": (
        lambda: refused("exceeded quota: jobs"),
        "QuotaExceeded",
        {"Reconciling"},
    ),
    "a user's own Complete Job in our Job's name": (squatted, "NameConflict", {"Stalled"}),
    "a body that does not parse": (broken, "SpecInvalid", {"Stalled"}),
    "an existing claim that does not exist yet": (
        existing_claim,
        "ClaimNotFound",
        {"Reconciling"},
    ),
    "a step fails": (
        lambda: fails(3, "division by zero"),
        "StepFailed",
        {"Stalled", "Failed"},
    ),
    "a step's Pod is gone with its node": (node_gone, "StepFailed", {"Stalled", "Failed"}),
    "the workspace is gone after a step": (
        lost_workspace,
        "WorkspaceLost",
        {"Stalled", "Failed"},
    ),
    "no gate and no register: steps are all": (
        reported_steps,
        "Completed",
        {"Complete"},
    ),
    "steps done: metrics are read": (
        lambda: reported("train", ""),
        "Collecting",
        {"Reconciling"},
    ),
    "metrics read: the package is made": (
        lambda: reported("comal-collect", mse("3295.7")),
        "Converting",
        {"Reconciling", "GatePassed"},
    ),
    "package made: the model is pushed": (
        lambda: reported("comal-convert", None),
        "Registering",
        {"Reconciling", "GatePassed"},
    ),
    "a metrics file with NaN": (
        lambda: reported("comal-collect", mse("NaN")),
        "Rejected",
        {"Complete", "!GatePassed:MetricNotFinite", "!Registered"},
    ),
    "a metrics file with infinity": (
        lambda: reported("comal-collect", mse("-Infinity")),
        "Rejected",
        {"Complete", "!GatePassed:MetricNotFinite", "!Registered"},
    ),
    "a metrics file without the metric": (
        lambda: reported("comal-collect", {"metrics": {"r2": "0.3"}, "error": None}),
        "Rejected",
        {"Complete", "!GatePassed:MetricMissing", "!Registered"},
    ),
    "a metrics file with text": (
        lambda: reported("comal-collect", wrong("MetricsInvalid")),
        "Rejected",
        {"Complete", "!GatePassed:MetricsInvalid", "!Registered"},
    ),
    "no metrics file": (
        lambda: reported("comal-collect", wrong("MetricsMissing")),
        "Rejected",
        {"Complete", "!GatePassed:MetricsMissing", "!Registered"},
    ),
    "a metrics file of 10 MB": (
        lambda: reported("comal-collect", wrong("MetricsTooLarge")),
        "Rejected",
        {"Complete", "!GatePassed:MetricsTooLarge", "!Registered"},
    ),
    "equal is not better": (
        lambda: reported("comal-collect", mse("3298.8856"), a_version(1, mse="3298.8856")),
        "Rejected",
        {"Complete", "!GatePassed:NotBetter", "!Registered"},
    ),
    "a model folder without model.yaml": (
        lambda: reported("comal-convert", error("ModelInvalid")),
        "ModelInvalid",
        {"Stalled", "Failed", "GatePassed", "!Registered"},
    ),
    "a model that cannot be converted": (
        lambda: reported("comal-convert", error("ConversionFailed")),
        "ConversionFailed",
        {"Stalled", "Failed", "GatePassed", "!Registered"},
    ),
    "a package that is gone": (
        lambda: reported("comal-register", error("PackageMissing")),
        "PackageMissing",
        {"Stalled", "Failed", "GatePassed", "!Registered"},
    ),
    "a registry that refuses": (
        lambda: reported("comal-register", error("RegistryRefused")),
        "RegisterJobFailed",
        {"Stalled", "GatePassed"},
    ),
    "a collect Job without an answer": (
        lambda: job_fails("comal-collect"),
        "CollectJobFailed",
        {"Stalled"},
    ),
    "a convert Job without an answer": (
        lambda: job_fails("comal-convert"),
        "ConvertJobFailed",
        {"Stalled", "GatePassed"},
    ),
    "a register Job without an answer": (
        lambda: job_fails("comal-register"),
        "RegisterJobFailed",
        {"Stalled", "GatePassed"},
    ),
    "a registry that does not exist": (
        without_registry,
        "RegistryNotFound",
        {"Reconciling", "GatePassed"},
    ),
    "a registry that starts": (
        with_slow_registry,
        "WaitingForRegistry",
        {"Reconciling", "GatePassed"},
    ),
    "the first model": (done, "Registered", {"Complete", "GatePassed:FirstModel", "Registered"}),
    "a better model": (
        lambda: done(a_version(1, mse="3298.8856")),
        "Registered",
        {"Complete", "GatePassed:Better", "Registered"},
    ),
    "a worse model that is registered always": (
        lambda: done(a_version(1, mse="1"), when="Always"),
        "Registered",
        {"Complete", "!GatePassed:NotBetter", "Registered"},
    ),
}


def _said(kind: str, status: str, reason: str) -> set[str]:
    mark = "" if status == "True" else "!"
    return {f"{mark}{kind}", f"{mark}{kind}:{reason}"}


@pytest.mark.parametrize("moment", MOMENTS)
def test_moment(moment: str) -> None:
    make, reason, wanted = MOMENTS[moment]
    world = make()
    world.settle()

    found = conditions(world.status())
    ready, why = found.pop("Ready")
    said = set().union(*(_said(kind, *item) for kind, item in found.items()))
    assert why == reason
    assert ready == str("Complete" in wanted)
    assert wanted <= said
    assert {item.strip("!").partition(":")[0] for item in wanted} == set(found)


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_second_look_is_silent(moment: str) -> None:
    world = MOMENTS[moment][0]()
    world.settle()
    plan = world.plan()

    assert plan.actions == ()
    assert [q for q in plan.questions if q not in world.answers] == []


ENDS = [name for name, (_, _, wanted) in MOMENTS.items() if wanted & {"Complete", "Failed"}]


@pytest.mark.parametrize("moment", ENDS)
def test_the_end_is_remembered_when_everything_is_gone(moment: str) -> None:
    world = MOMENTS[moment][0]()
    world.settle()
    run = world.run()
    world.objects = {("TrainingRun", "diabetes"): run}
    world.wait(days=400)

    plan = world.plan()
    assert (plan.actions, plan.questions, plan.requeue_after) == ((), (), None)


def test_both_numbers_stand_in_the_message() -> None:
    world = reported("comal-collect", mse("3359.0750"), a_version(1, mse="3295.714948"))
    world.settle()

    ready = world.status()["conditions"][0]
    assert "3359.07" in ready["message"]
    assert "3295.71 of diabetes-v1" in ready["message"]
    assert world.status()["gate"]["decision"] == "Rejected"


def test_a_failed_step_says_its_last_lines() -> None:
    world = fails(3, "about to divide\ndivision by zero")
    world.settle()

    ready = world.status()["conditions"][0]
    assert "exited with code 3" in ready["message"]
    assert "division by zero" in ready["message"]
    assert world.status()["steps"][0]["exitCode"] == 3


def test_the_log_is_asked_for_when_the_container_said_nothing() -> None:
    world = fails(1, "")
    plan = world.plan()
    assert plan.actions == ()
    [question] = plan.questions
    assert isinstance(question, LogTail)

    world.answers[question] = "Traceback\nValueError: no"
    world.settle()
    assert "ValueError: no" in world.status()["conditions"][0]["message"]


def test_what_ended_is_written_down_before_the_next_step_starts() -> None:
    world = World().add(a_run("prepare", "train"))
    world.settle()
    world.end("prepare")

    first = world.plan().actions[0]
    assert isinstance(first, WriteStatus)
    assert first.status["steps"][0]["state"] == "Succeeded"


def test_a_finished_step_whose_job_is_deleted_never_trains_again() -> None:
    world = World().add(a_run("prepare", "train"))
    world.settle()
    world.end("prepare")
    world.settle()
    gone = world.job("prepare")
    world.end("train", code=0)
    for key in [("Job", gone["metadata"]["name"]), ("Pod", f"{gone['metadata']['name']}-pod")]:
        del world.objects[key]
    world.settle()

    assert world.made.count(("Job", gone["metadata"]["name"])) == 1


def test_a_job_deleted_while_it_runs_is_made_again_once_its_pod_is_gone() -> None:
    world = training()
    job = world.job("train")
    pod = a_waiting_pod(job, "ContainerCreating")
    world.add(pod)
    del world.objects["Job", job["metadata"]["name"]]
    assert not any(isinstance(a, Create) for a in world.plan().actions)

    del world.objects["Pod", pod["metadata"]["name"]]
    world.settle()
    assert world.made.count(("Job", job["metadata"]["name"])) == 2


def test_an_answer_that_is_gone_with_its_pod_is_fetched_again() -> None:
    world = reported("comal-collect", mse("3295.7"))
    job = world.job("comal-collect")
    del world.objects["Pod", f"{job['metadata']['name']}-pod"]

    [action] = world.plan().actions
    assert isinstance(action, Delete)
    assert action.uid == job["metadata"]["uid"]


def test_a_built_in_job_that_failed_is_tried_again_after_a_minute() -> None:
    world = job_fails("comal-register")
    assert world.settle().requeue_after is not None
    world.wait(seconds=61)

    [action] = world.plan().actions
    assert isinstance(action, Delete)


def test_two_runs_that_finish_at_once_cannot_both_beat_the_same_version() -> None:
    world = gated(a_version(1, mse="4000"))
    world.register_everything()
    other = a_version(2, mse="3000", run="the-other-run")
    world.add(other)
    world.settle()
    assert world.status()["conditions"][0]["reason"] == "Rejected"
    assert not any(kind == "ModelVersion" for kind, _ in world.made)


def test_nobody_takes_a_number_before_the_last_one_is_remembered() -> None:
    world = gated(a_version(1, mse="4000"))
    world.add(a_version(2, mse="3999", run="the-other-run"))
    world.register_everything()
    world.settle()
    assert world.status()["conditions"][0]["reason"] == "WaitingForRegistry"

    world.remember_numbers()
    world.settle()
    assert ("ModelVersion", "diabetes-v3") in world.made


def test_a_deleted_version_leaves_its_number_unused() -> None:
    world = World().add(a_gated_run(), a_registry(diabetes=7))
    world.register_everything()
    world.settle()
    assert ("ModelVersion", "diabetes-v8") in world.made


def test_the_run_is_complete_only_once_its_number_is_remembered() -> None:
    world = gated()
    world.register_everything()
    world.settle()
    assert "Complete" not in conditions(world.status())

    world.remember_numbers()
    world.settle()
    assert world.status()["modelVersion"] == "diabetes-v1"


def test_a_run_whose_version_exists_registers_no_other() -> None:
    world = gated()
    world.register_everything()
    world.settle()
    world.remember_numbers()
    before = world.run()
    world.objects = {k: v for k, v in world.objects.items() if k[0] not in ("Job", "Pod")}
    world.add({key: value for key, value in before.items() if key != "status"})
    world.settle()

    assert [key for key in world.made if key[0] == "ModelVersion"] == [
        ("ModelVersion", "diabetes-v1")
    ]


def test_steps_share_a_volume_of_one_node_one_at_a_time() -> None:
    steps = [{"name": "left", "after": []}, {"name": "right", "after": []}]
    world = World().add(a_run(steps=steps))
    world.settle()
    assert [key[1].split("-")[1] for key in world.made if key[0] == "Job"] == ["left"]


def test_steps_run_side_by_side_on_a_volume_of_many_nodes() -> None:
    steps = [{"name": "left", "after": []}, {"name": "right", "after": []}]
    world = World().add(a_run(steps=steps, workspace={"accessModes": ["ReadWriteMany"]}))
    world.settle()
    assert len([key for key in world.made if key[0] == "Job"]) == 2

    world.end("left", code=1, said="no")
    world.settle()
    states = {step["name"]: step["state"] for step in world.status()["steps"]}
    assert states == {"left": "Failed", "right": "Stopped"}


def test_a_step_waits_for_all_that_it_names() -> None:
    steps = [
        {"name": "left", "after": []},
        {"name": "right", "after": []},
        {"name": "both", "after": ["left", "right"]},
    ]
    world = World().add(a_run(steps=steps, workspace={"accessModes": ["ReadWriteMany"]}))
    world.settle()
    world.end("left")
    world.settle()
    assert not any("-both-" in name for _, name in world.made)
    world.end("right")
    world.settle()
    assert any("-both-" in name for _, name in world.made)


def test_a_problem_heals() -> None:
    world = pulls("ImagePullBackOff")
    world.settle()
    world.end("train")
    world.settle()
    assert conditions(world.status()) == {
        "Ready": ("True", "Completed"),
        "Complete": ("True", "Completed"),
    }


def test_the_run_tells_what_it_did() -> None:
    world = done(a_version(1, mse="3298.8856"))
    world.settle()
    status = world.status()
    assert status["metric"] == "mse=3295.71"
    assert status["metrics"] == ANSWERS["comal-collect"]["metrics"]
    assert status["gate"] == {
        "decision": "Passed",
        "candidate": "3295.714948",
        "baseline": {"version": "diabetes-v1", "value": "3298.8856"},
    }


def test_only_the_register_job_sees_the_login_and_no_pod_a_token() -> None:
    world = done()
    jobs = {n: t["spec"]["template"]["spec"] for (k, n), t in world.objects.items() if k == "Job"}
    assert len(jobs) == 4
    for name, pod in jobs.items():
        secrets = [volume for volume in pod["volumes"] if "secret" in volume]
        assert bool(secrets) == ("comal-register" in name)
        assert pod["automountServiceAccountToken"] is False


def test_a_version_is_owned_by_nobody() -> None:
    world = done()
    version = world.objects["ModelVersion", "diabetes-v1"]
    assert "ownerReferences" not in version["metadata"]
    assert version["spec"]["lineage"]["run"]["uid"] == "uid-of-diabetes"


def test_a_spoofed_pod_is_not_believed() -> None:
    world = reported("train", "")
    world.settle()
    job = world.job("comal-collect")
    spoof = an_ended_pod(job, said=mse("0.1"))
    world.add(owned(spoof, an_object("Job", "somebody-elses", api="batch/v1")))
    world.add(ended_job(job))
    assert "metrics" not in world.status()
    assert isinstance(world.plan().actions[0], Delete)
