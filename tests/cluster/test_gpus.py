"""Steps that ask for accelerators, on a node that says it has two (seed row T32)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster import gpus
from cluster.paths import places
from cluster_words import a_run, a_step, condition, wait_condition
from demo.kubectl import Kubectl, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def two_gpus(kubectl: Kubectl) -> Iterator[Kubectl]:
    gpus.advertise(places(), 2)
    yield kubectl
    gpus.advertise(places(), 0)


def test_steps_get_the_gpus_that_there_are(two_gpus: Kubectl) -> None:
    train = a_step("train", "true", placement={"preset": "aks-gpu"})
    three = {"limits": {gpus.RESOURCE: "3"}}
    two_gpus.apply(a_run("accelerated", train))
    two_gpus.apply(a_run("greedy", a_step("train", "true", resources=three)))

    run = wait_condition(two_gpus, "trun", "accelerated", ("Complete", "True"), seconds=120)
    [pod] = two_gpus.items("pods", "-l", "comal.dev/training-run=accelerated,comal.dev/step=train")
    [container] = pod["spec"]["containers"]
    assert container["resources"]["limits"][gpus.RESOURCE] == "1"
    tolerations = [(one["key"], one.get("value")) for one in pod["spec"]["tolerations"]]
    assert ("sku", "gpu") in tolerations
    assert condition(run, "Ready")["status"] == "True"

    def told() -> bool:
        found = two_gpus.find("trun", "greedy")
        return f"Insufficient {gpus.RESOURCE}" in condition(found, "Ready").get("message", "")

    wait_for("the scheduler's own words", told, seconds=60)
