"""Who meets a candidate: copies, a header, a part of the people; and with how many Pods."""

from __future__ import annotations

from collections import Counter

import pytest

from callers import Callers
from cluster_words import a_deployment, condition, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for
from demo.traffic import start_traffic
from table_model import GOOD, POISON

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

STEPS = (
    {"shadow": "100", "approval": "Required"},
    {"percent": "50", "approval": "Required"},
)
SCORERS = "app.kubernetes.io/component=scorer,comal.dev/model-deployment=crowded"
CANARY = {"x-api-version": "canary"}


def endpoint(version: str) -> Manifest:
    return a_deployment(
        "crowded",
        model={"name": "table", "version": version},
        replicas=2,
        traffic={
            "rules": [{"header": {"name": "x-api-version", "value": "canary"}, "to": "Candidate"}],
            "stickyBy": {"header": "x-user-id"},
        },
        rollout={
            "steps": list(STEPS),
            "analysis": {"answers": {"maxDifferent": "0.1", "minRequests": 20, "every": "10s"}},
            "bake": "1s",
            "drain": "2s",
            "capacity": "Conserve",
        },
    )


def ask(kubectl: Kubectl, verb: str) -> None:
    """Ask with annotations, as a person does without the plugin."""
    status = (kubectl.find("mdep", "crowded") or {})["status"]
    me = kubectl.run("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}").strip()
    request = f"comal.dev/request={verb}@{status['candidate']['revision']}#{verb}"
    kubectl.run(
        *("annotate", "--overwrite", "mdep", "crowded", request, f"comal.dev/requested-by={me}")
    )


def answered_by_candidate(kubectl: Kubectl) -> int:
    """Return how many requests the candidate's Pods say that they have answered well."""
    status = (kubectl.find("mdep", "crowded") or {})["status"]
    pods = ("-l", f"comal.dev/revision={status['candidate']['revision']}", "-c", "scorer")
    return kubectl.run("logs", *pods, "--tail=-1").count('"status":200')


def pods(kubectl: Kubectl) -> dict[str, int]:
    """Return how many scoring Pods each revision shall have."""
    found = kubectl.items("deployment", "-l", SCORERS)
    counts = {one["metadata"]["name"]: one["spec"]["replicas"] for one in found}
    return {name: count for name, count in counts.items() if count}


def has_half(kubectl: Kubectl) -> bool | None:
    """Return whether every router gives the candidate half, and stable has the Pods for a half.

    The candidate has those of its next step already, which is all of it.
    """
    status = (kubectl.find("mdep", "crowded") or {})["status"]
    told = [one.get("acknowledgedPercent") for one in status["traffic"]]
    roles = [f"crowded-{status[role]['revision']}" for role in ("stable", "candidate")]
    sizes = [pods(kubectl).get(name) for name in roles]
    return True if told == ["50", "50"] and sizes == [1, 2] else None


def test_copies_headers_and_people(served: Kubectl, images: dict[str, str]) -> None:
    served.apply(endpoint("1"))
    found = wait_condition(served, "mdep", "crowded", ("Ready", "True"), seconds=240)
    callers = Callers(served, images["scorer"], found["status"]["url"], GOOD)
    load = start_traffic(
        served, "crowd", image=images["scorer"], url=callers.url, body=GOOD, rate=20
    )
    assert {one.version for one in callers.call(*[CANARY] * 4)} == {"1"}, "none yet: no rule"

    served.apply(endpoint("2"))
    waiting = ("Ready", "False")
    found = wait_condition(
        served, "mdep", "crowded", waiting, reason="AwaitingApproval", seconds=180
    )
    # Without these the step would still wait for requests: both answer zero to what is asked.
    answers = found["status"]["analysis"]["answers"]
    assert answers["compared"] >= 20
    assert answers["different"] == 0
    assert "answers to copies" in condition(found, "AnalysisHealthy")["message"]
    wait_for("copies are answered", lambda: answered_by_candidate(served) > 40 or None)
    assert set(load.totals().versions) == {"1"}, "callers get no answer to a copy"
    assert {one.version for one in callers.call(*[CANARY] * 10)} == {"2"}, "at 0 percent"

    ask(served, "approve")
    wait_for("half of it, with the Pods for that", lambda: has_half(served), seconds=120)
    people = [{"x-user-id": f"user-{number}"} for number in range(30)]
    once, again = (callers.call(*people) for _ in range(2))
    assert [one.version for one in once] == [one.version for one in again]
    shares = Counter(one.version for one in once)
    assert set(shares) == {"1", "2"}, shares

    ask(served, "promote")
    found = wait_condition(served, "mdep", "crowded", ("Ready", "True"), seconds=120)
    assert found["status"]["stable"]["modelVersion"] == "table-v2"
    wait_for("all Pods are the new one's", lambda: list(pods(served).values()) == [2] or None)

    # The next one fails at the copies of these; nobody hears of it.
    rough = start_traffic(
        served, "rough", image=images["scorer"], url=callers.url, body=POISON, rate=5
    )
    served.apply(endpoint("3"))
    found = wait_condition(served, "mdep", "crowded", ("Stalled", "True"), seconds=120)
    assert "ErrorRate" in condition(found, "Ready")["message"]
    assert found["status"]["rejected"][0]["modelVersion"] == "table-v3"
    for totals in (load.stop(), rough.stop()):
        assert totals.lost == 0, totals.failures
        assert "3" not in totals.versions
