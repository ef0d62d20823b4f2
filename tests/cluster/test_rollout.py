"""A candidate that fails is gone before it costs an answer; people may hold and approve one."""

from __future__ import annotations

from typing import Any

import pytest

from cluster_words import a_deployment, condition, wait_condition
from demo.kubectl import Kubectl, Manifest
from demo.traffic import start_traffic
from table_model import GOOD, POISON

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SMOKE = {"body": GOOD, "expect": {"json": '{"result": [0]}'}, "retries": 5}


def endpoint(name: str, version: str, *steps: dict[str, Any], **more: Any) -> Manifest:
    rollout = {"steps": list(steps), "bake": "1s", "drain": "2s", **more}
    return a_deployment(
        name,
        model={"name": "table", "version": version},
        rollout=rollout,
        traffic={"fallback": {"when": ["Unavailable", "ServerError"]}},
    )


def ask(kubectl: Kubectl, name: str, verb: str) -> None:
    """Annotate as a person does without the plugin."""
    found = kubectl.find("mdep", name) or {}
    revision = found["status"]["candidate"]["revision"]
    marks = (f"comal.dev/request={verb}@{revision}#1", f"comal.dev/requested-by={myself(kubectl)}")
    kubectl.run("annotate", "--overwrite", "mdep", name, *marks)


def myself(kubectl: Kubectl) -> str:
    """Return who asks: the admission policy lets nobody ask in another's name."""
    return kubectl.run("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}").strip()


def weight(kubectl: Kubectl, name: str, percent: str) -> Manifest:
    def look(found: Manifest) -> Manifest | None:
        return found if found.get("status", {}).get("weight") == percent else None

    return kubectl.until(f"{percent} percent", look, kind="mdep", name=name)


def reason(kubectl: Kubectl, name: str, wanted: str) -> Manifest:
    return wait_condition(kubectl, "mdep", name, ("Ready", "False"), reason=wanted, seconds=120)


def test_a_failing_candidate_is_gone_and_nobody_lost_an_answer(
    served: Kubectl, images: dict[str, str]
) -> None:
    served.apply(endpoint("failing", "1"))
    found = wait_condition(served, "mdep", "failing", ("Ready", "True"), seconds=180)
    facts = {"image": images["scorer"], "url": found["status"]["url"]}
    # One request in five is one that version 3 cannot answer; half of them reach it.
    good = start_traffic(served, "failing-callers", body=GOOD, rate=16, **facts)
    bad = start_traffic(served, "failing-poisoners", body=POISON, rate=4, **facts)
    served.apply(
        endpoint("failing", "3", {"percent": "0", "smoke": SMOKE}, {"percent": "50", "for": "10m"})
    )

    found = wait_condition(served, "mdep", "failing", ("Stalled", "True"), seconds=180)
    message = condition(found, "Ready")["message"]
    assert "ErrorRate" in message
    assert "requests failed" in message
    assert condition(found, "AnalysisHealthy")["reason"] == "ErrorRate"
    assert condition(found, "Available")["status"] == "True"
    [rejected] = found["status"]["rejected"]
    assert rejected["modelVersion"] == "table-v3"

    # Git goes back: at rest at once. Nobody has noticed anything.
    served.apply(endpoint("failing", "1"))
    wait_condition(served, "mdep", "failing", ("Ready", "True"), seconds=60)
    for totals in (good.stop(), bad.stop()):
        assert totals.lost == 0, totals.failures
        assert totals.versions.get("1", 0) > 0


def test_people_pause_approve_and_are_remembered(served: Kubectl) -> None:
    served.apply(endpoint("held", "1"))
    wait_condition(served, "mdep", "held", ("Ready", "True"), seconds=180)
    steps = ({"percent": "10", "for": "5s"}, {"percent": "50", "approval": "Required"})
    served.apply(endpoint("held", "2", *steps))
    weight(served, "held", "10")
    ask(served, "held", "pause")
    found = reason(served, "held", "Paused")
    assert found["status"]["hold"]["by"] == myself(served)
    # As a GitOps tool does that finds the annotation not in Git.
    served.run("annotate", "mdep", "held", "comal.dev/request-", "comal.dev/requested-by-")
    ask(served, "held", "resume")
    reason(served, "held", "AwaitingApproval")
    ask(served, "held", "approve")
    found = wait_condition(served, "mdep", "held", ("Ready", "True"), seconds=120)
    assert found["status"]["stable"]["modelVersion"] == "table-v2"
    heard = [one["request"].partition("@")[0] for one in found["status"]["requests"]]
    assert heard == ["approve", "resume", "pause"]


def test_a_wrong_answer_ends_it_before_the_first_live_request(served: Kubectl) -> None:
    served.apply(endpoint("smoked", "1"))
    wait_condition(served, "mdep", "smoked", ("Ready", "True"), seconds=180)
    smoke = {**SMOKE, "expect": {"json": '{"result": [7]}'}, "retries": 0}
    served.apply(endpoint("smoked", "2", {"percent": "0", "smoke": smoke}, {"percent": "50"}))
    found = wait_condition(served, "mdep", "smoked", ("Stalled", "True"), seconds=180)
    assert "SmokeTestFailed" in condition(found, "Ready")["message"]
    assert "not 7" in condition(found, "Ready")["message"]
