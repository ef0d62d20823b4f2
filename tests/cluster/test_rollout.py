"""A candidate that fails is gone before it costs an answer; people may hold and approve one."""

from __future__ import annotations

from typing import Any

import pytest

from cluster_words import a_deployment, condition, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for
from demo.traffic import start_traffic
from table_model import GOOD, POISON, make

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SMOKE = {"body": GOOD, "expect": {"json": '{"result": [0]}'}, "retries": 5}


def endpoint(version: str, *steps: dict[str, Any], **more: Any) -> Manifest:
    rollout = {"steps": list(steps), "bake": "1s", "drain": "2s", **more}
    return a_deployment(
        "table",
        model={"name": "table", "version": version},
        rollout=rollout,
        traffic={"fallback": {"when": ["Unavailable", "ServerError"]}},
    )


def ask(kubectl: Kubectl, verb: str) -> None:
    """Annotate as a person does without the plugin."""
    found = kubectl.find("mdep", "table") or {}
    revision = found["status"]["candidate"]["revision"]
    marks = (f"comal.dev/request={verb}@{revision}#1", f"comal.dev/requested-by={myself(kubectl)}")
    kubectl.run("annotate", "--overwrite", "mdep", "table", *marks)


def myself(kubectl: Kubectl) -> str:
    """Return who asks: the admission policy lets nobody ask in another's name."""
    return kubectl.run("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}").strip()


def weight(kubectl: Kubectl, percent: str) -> Manifest:
    def look() -> Manifest | None:
        found = kubectl.find("mdep", "table") or {}
        return found if (found.get("status") or {}).get("weight") == percent else None

    return wait_for(f"{percent} percent", look, seconds=120)


def reason(kubectl: Kubectl, wanted: str) -> Manifest:
    return wait_condition(kubectl, "mdep", "table", ("Ready", "False"), reason=wanted, seconds=120)


def test_a_failing_candidate_is_gone_and_nobody_lost_an_answer(
    kubectl: Kubectl, images: dict[str, str]
) -> None:
    make(kubectl, "first", 2)
    kubectl.apply(endpoint("1"))
    found = wait_condition(kubectl, "mdep", "table", ("Ready", "True"), seconds=180)
    facts = {"image": images["scorer"], "url": found["status"]["url"]}
    # One request in five is one that version 2 cannot answer; half of them reach it.
    good = start_traffic(kubectl, "callers", body=GOOD, rate=16, **facts)
    bad = start_traffic(kubectl, "poisoners", body=POISON, rate=4, **facts)
    make(kubectl, "second", 1)
    kubectl.apply(endpoint("2", {"percent": "0", "smoke": SMOKE}, {"percent": "50", "for": "10m"}))

    found = wait_condition(kubectl, "mdep", "table", ("Stalled", "True"), seconds=180)
    message = condition(found, "Ready")["message"]
    assert "ErrorRate" in message
    assert "requests failed" in message
    assert condition(found, "AnalysisHealthy")["reason"] == "ErrorRate"
    assert condition(found, "Available")["status"] == "True"
    [rejected] = found["status"]["rejected"]
    assert rejected["modelVersion"] == "table-v2"

    # Git goes back: at rest at once. Nobody has noticed anything.
    kubectl.apply(endpoint("1"))
    wait_condition(kubectl, "mdep", "table", ("Ready", "True"), seconds=60)
    for totals in (good.stop(), bad.stop()):
        assert totals.lost == 0, totals.failures
        assert totals.versions.get("1", 0) > 0


def test_people_pause_approve_and_are_remembered(kubectl: Kubectl) -> None:
    make(kubectl, "first", 2)
    kubectl.apply(endpoint("1"))
    wait_condition(kubectl, "mdep", "table", ("Ready", "True"), seconds=180)
    make(kubectl, "second", 1)
    steps = ({"percent": "10", "for": "5s"}, {"percent": "50", "approval": "Required"})
    kubectl.apply(endpoint("2", *steps))
    weight(kubectl, "10")
    ask(kubectl, "pause")
    found = reason(kubectl, "Paused")
    assert found["status"]["hold"]["by"] == myself(kubectl)
    # As a GitOps tool does that finds the annotation not in Git.
    kubectl.run("annotate", "mdep", "table", "comal.dev/request-", "comal.dev/requested-by-")
    ask(kubectl, "resume")
    reason(kubectl, "AwaitingApproval")
    ask(kubectl, "approve")
    found = wait_condition(kubectl, "mdep", "table", ("Ready", "True"), seconds=120)
    assert found["status"]["stable"]["modelVersion"] == "table-v2"
    heard = [one["request"].partition("@")[0] for one in found["status"]["requests"]]
    assert heard == ["approve", "resume", "pause"]


def test_a_wrong_answer_ends_it_before_the_first_live_request(kubectl: Kubectl) -> None:
    make(kubectl, "first", 2)
    kubectl.apply(endpoint("1"))
    wait_condition(kubectl, "mdep", "table", ("Ready", "True"), seconds=180)
    make(kubectl, "second", 1)
    smoke = {**SMOKE, "expect": {"json": '{"result": [7]}'}, "retries": 0}
    kubectl.apply(endpoint("2", {"percent": "0", "smoke": smoke}, {"percent": "50"}))
    found = wait_condition(kubectl, "mdep", "table", ("Stalled", "True"), seconds=180)
    assert "SmokeTestFailed" in condition(found, "Ready")["message"]
    assert "not 7" in condition(found, "Ready")["message"]
