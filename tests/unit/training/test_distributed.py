"""Several Pods that train one model, and where they save their state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comal_operator.core.plan import Manifest
from make import a_run, ended_job
from training_world import World


def distributed(framework: str = "TensorFlow", *, many: bool = True, **step: Any) -> World:
    run = a_run(workspace={"accessModes": ["ReadWriteMany" if many else "ReadWriteOnce"]})
    run["spec"]["steps"][0] |= {"distributed": {"framework": framework, "workers": 3}, **step}
    world = World().add(run)
    world.settle()
    return world


def pod_of(world: World) -> Any:
    return world.job("train")["spec"]["template"]["spec"]


def variables(world: World) -> dict[str, str]:
    """Return the variables as the second worker's kubelet expands them."""
    found: dict[str, str] = {}
    for variable in pod_of(world)["containers"][0]["env"]:
        text = variable.get("value", "1" if "valueFrom" in variable else "")
        for name, value in found.items():
            text = text.replace(f"$({name})", value)
        found[variable["name"]] = text
    return found


def one(world: World, kind: str, part: str) -> Manifest:
    return next(thing for (k, name), thing in world.objects.items() if k == kind and part in name)


def test_a_gang_is_one_indexed_job_that_fails_as_a_whole() -> None:
    spec = distributed().job("train")["spec"]
    assert (spec["completions"], spec["parallelism"]) == (3, 3)
    assert spec["completionMode"] == "Indexed"
    assert spec["backoffLimit"] == 0


def test_workers_know_each_other_by_names_that_exist_before_they_do() -> None:
    world = distributed()
    service = one(world, "Service", "train-workers")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    labels = world.job("train")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert pod_of(world)["subdomain"] == service["metadata"]["name"]


def test_tensorflow_is_told_in_its_own_words() -> None:
    world = distributed()
    told = variables(world)
    job = world.job("train")["metadata"]["name"]
    service = one(world, "Service", "train-workers")["metadata"]["name"]
    assert json.loads(told["TF_CONFIG"]) == {
        "cluster": {"worker": [f"{job}-{index}.{service}:2222" for index in range(3)]},
        "task": {"type": "worker", "index": 1},
    }
    assert (told["COMAL_WORKER_INDEX"], told["COMAL_WORKERS"]) == ("1", "3")


def test_torchrun_is_told_in_its_own_words() -> None:
    told = variables(distributed("PyTorch", resources={"limits": {"nvidia.com/gpu": 2}}))
    assert told["MASTER_ADDR"] == told["PET_MASTER_ADDR"]
    assert told["MASTER_ADDR"].partition(".")[0].endswith("-0")
    assert (told["RANK"], told["WORLD_SIZE"]) == ("1", "3")
    assert (told["PET_NNODES"], told["PET_NODE_RANK"]) == ("3", "1")
    assert told["PET_NPROC_PER_NODE"] == "2"
    assert "TF_CONFIG" not in told


def test_the_next_attempt_is_another_gang_under_other_names() -> None:
    world = distributed(retry={"failures": 1})
    first = variables(world)["TF_CONFIG"]
    world.add(ended_job(world.job("train"), "Failed"))
    world.settle()
    world.wait(minutes=1)
    world.settle()
    second = json.loads(variables(world)["TF_CONFIG"])
    assert json.loads(first)["cluster"] != second["cluster"]
    assert second["cluster"]["worker"][0].startswith(world.job("train")["metadata"]["name"])


def test_workers_talk_to_each_other_and_to_nobody_else() -> None:
    world = distributed()
    policy = one(world, "NetworkPolicy", "train-workers")["spec"]
    peers = [{"podSelector": policy["podSelector"]}]
    assert policy["ingress"] == [{"from": peers}]
    assert policy["egress"] == [{"to": peers}]
    assert policy["podSelector"]["matchLabels"]["comal.dev/step"] == "train"


@pytest.mark.parametrize("many", [True, False])
def test_where_one_node_holds_the_workspace_all_workers_go_there(many: bool) -> None:
    assert ("affinity" in pod_of(distributed(many=many))) is not many


def test_a_host_name_of_the_longest_names_is_a_dns_label() -> None:
    run = a_run(name="r" * 40)
    step = {"name": "s" * 40, "distributed": {"framework": "PyTorch", "workers": 64}}
    run["spec"]["steps"] = [step]
    world = World().add(run)
    world.settle("r" * 40)
    job = next(name for kind, name in world.objects if kind == "Job")
    assert len(f"{job}-63") <= 63


def test_a_step_of_one_pod_is_told_nothing_of_workers() -> None:
    world = World().add(a_run())
    world.settle()
    assert not {"COMAL_WORKERS", "TF_CONFIG", "RANK"} & variables(world).keys()
    assert not [key for key in world.objects if key[0] == "Service"]


def test_a_checkpoint_is_a_folder_and_time_to_write_it() -> None:
    run = a_run()
    run["spec"]["steps"][0]["checkpoint"] = {"path": "checkpoints/train/", "graceSeconds": 20}
    world = World().add(run)
    world.settle()
    assert variables(world)["COMAL_CHECKPOINT_DIR"] == "/workspace/checkpoints/train"
    assert pod_of(world)["terminationGracePeriodSeconds"] == 25
