"""What people ask with `kubectl comal`; the operator's answers are given by the test."""

from __future__ import annotations

import json
import re

import pytest

from apiserver.plugin import Run
from apiserver.told_status import NOON, STABLE, Cluster, an_operator, rolling

pytestmark = pytest.mark.apiserver


@pytest.mark.parametrize("verb", ["promote", "abort", "approve", "pause", "resume", "rollback"])
def test_what_is_asked_is_about_the_candidate(comal: Run, cluster: Cluster, verb: str) -> None:
    path = rolling(cluster)
    with an_operator(cluster, path) as heard:
        status, out, err = comal(verb, "diabetes")
    assert (status, err) == (0, "")
    assert re.fullmatch(verb + r"@e5f6a7b8#[0-9a-f]{8}", heard[0])
    assert out.startswith("diabetes-v2 (revision e5f6a7b8) ")
    annotations = cluster.admin.get(path)["metadata"]["annotations"]
    assert annotations["comal.dev/requested-by"] == "admin"


def test_asking_twice_is_two_requests(comal: Run, cluster: Cluster) -> None:
    with an_operator(cluster, rolling(cluster)) as heard:
        comal("pause", "diabetes")
        _, out, _ = comal("pause", "diabetes", "-o", "json")
    assert len(set(heard)) == 2
    answer = json.loads(out)
    assert (answer["request"], answer["by"], answer["refused"]) == (heard[1], "admin", None)


def test_the_operator_may_refuse(comal: Run, cluster: Cluster) -> None:
    path = rolling(cluster)
    with an_operator(cluster, path, refused="the candidate is other, not e5f6a7b8"):
        status, out, err = comal("promote", "mdep/diabetes")
    assert (status, out) == (1, "")
    assert re.search(r"refused promote@e5f6a7b8#\w+: the candidate is other, not e5f6a7b8", err)


def test_nobody_answers(comal: Run, cluster: Cluster) -> None:
    rolling(cluster)
    status, _, err = comal("abort", "diabetes", "--timeout", "0.1")
    assert status == 1
    assert "the operator has not answered abort@e5f6a7b8#" in err
    assert "is it running?" in err


def test_a_rollback_and_a_retry_mean_what_serves_and_what_was_rejected(
    comal: Run, cluster: Cluster
) -> None:
    rejected = {"revision": "77aa77aa", "modelVersion": "diabetes-v3", "reason": "ErrorRate"}
    path = cluster.endpoint(stable=STABLE, rejected=[{**rejected, "at": NOON}])
    with an_operator(cluster, path) as heard:
        comal("rollback", "diabetes")
        comal("retry", "diabetes")
    assert [one.partition("#")[0] for one in heard] == ["rollback@a1b2c3d4", "retry@77aa77aa"]


def test_there_is_nothing_to_promote(comal: Run, cluster: Cluster) -> None:
    cluster.endpoint(stable=STABLE)
    status, _, err = comal("promote", "diabetes")
    assert status == 1
    assert err == (
        "error: diabetes has no rollout under way, so there is nothing to promote:"
        " diabetes-v1 (revision a1b2c3d4) serves\n"
    )
    assert "was rejected: there is nothing to retry" in comal("retry", "diabetes")[2]


def test_a_run_is_suspended_goes_on_and_is_cancelled(comal: Run, cluster: Cluster) -> None:
    path = cluster.run()
    assert comal("suspend", "alpha")[1].startswith("TrainingRun alpha is suspended")
    assert cluster.admin.get(path)["spec"]["suspend"] is True
    assert comal("resume", "alpha")[1] == "TrainingRun alpha goes on\n"
    assert cluster.admin.get(path)["spec"]["suspend"] is False
    assert comal("cancel", "alpha")[0] == 0
    assert cluster.admin.get(path)["spec"]["cancel"] is True
