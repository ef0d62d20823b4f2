"""A step that has run before does not run again, and what it left is verified before use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster_words import a_run, a_step, condition, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# What it writes is another thing each time: only a copy can be equal.
PREPARE = "sleep 6; mkdir -p data/deep; date +%s%N > data/deep/when; ln -sf deep data/newest"
READ = "cat data/newest/when"
ENTRIES = ("configmaps", "-l", "comal.dev/cache-key")


def cached(name: str, mode: str = "Auto", **spec: Any) -> Manifest:
    """Return a run whose first step may be a hit, and a second that reads what it leaves."""
    prepare = a_step("prepare", PREPARE, outputs=["data/"], cache={"mode": mode})
    return a_run(name, prepare, a_step("read", READ), **spec)


def completed(kubectl: Kubectl, name: str) -> dict[str, Any]:
    """Return the status of the run's first step once the run is through."""
    run = wait_condition(kubectl, "trun", name, ("Complete", "True"))
    step: dict[str, Any] = run["status"]["steps"][0]
    return step


def read_by(kubectl: Kubectl, name: str) -> str:
    """Return what the run's second step read."""
    label = f"comal.dev/training-run={name},comal.dev/step=read"
    return kubectl.run("logs", "-l", label).strip()


def pods_of(kubectl: Kubectl, name: str, step: str) -> list[Manifest]:
    return kubectl.items("pods", "-l", f"comal.dev/training-run={name},comal.dev/step={step}")


def test_one_of_two_equal_steps_runs_and_what_is_not_right_runs_again(kubectl: Kubectl) -> None:
    # Two at once: one of them runs it, the other says for whom it waits.
    kubectl.apply(cached("one"), cached("two"))
    waits = wait_for("one of the two waits", lambda: _waiting(kubectl), seconds=60)
    name = waits["metadata"]["name"]
    other = {"one": "two", "two": "one"}[name]
    assert f"waits for run {other}" in condition(waits, "Ready")["message"]
    assert completed(kubectl, other)["state"] == "Succeeded"
    hit = completed(kubectl, name)
    assert (hit["state"], hit["cachedFrom"]) == ("Cached", other)
    assert not pods_of(kubectl, name, "prepare")
    assert read_by(kubectl, name) == read_by(kubectl, other)
    (entry,) = kubectl.items(*ENTRIES)

    # The claim outlives its run, as long as the entry.
    kubectl.run("delete", "trun", other, "--wait")
    kubectl.apply(cached("three"))
    assert completed(kubectl, "three")["cachedFrom"] == other
    assert read_by(kubectl, "three") == read_by(kubectl, name)

    # Somebody wrote into the claim: nobody reads that as the cached output.
    claim = entry["data"]["claim"]
    spoil = a_step("spoil", "echo 0 > data/deep/when")
    kubectl.apply(a_run("spoiler", spoil, workspace={"existingClaim": claim}))
    wait_condition(kubectl, "trun", "spoiler", ("Complete", "True"))
    kubectl.run("delete", "trun", "spoiler", "--wait")
    kubectl.apply(cached("four"))
    found = completed(kubectl, "four")
    assert (found["state"], found["reason"]) == ("Succeeded", "CacheInvalid")
    assert read_by(kubectl, "four") not in ("0", read_by(kubectl, name))
    (entry,) = kubectl.items(*ENTRIES)
    assert entry["data"]["run"] == "four"
    assert json.loads(entry["data"]["outputs"])[0]["path"] == "data/"
    wait_for("the spoilt claim gone", lambda: _is_gone(kubectl, claim), seconds=60)

    # Refresh runs, and the next hit is of that.
    kubectl.apply(cached("fresh", mode="Refresh"))
    assert completed(kubectl, "fresh")["state"] == "Succeeded"
    # A run of hits alone makes no Pod at all.
    only = cached("only")
    only["spec"]["steps"] = only["spec"]["steps"][:1]
    kubectl.apply(only)
    assert completed(kubectl, "only")["cachedFrom"] == "fresh"
    assert not kubectl.items("pods", "-l", "comal.dev/training-run=only")


def _waiting(kubectl: Kubectl) -> Manifest | None:
    runs = kubectl.items("trun")
    found = (run for run in runs if condition(run, "Ready").get("reason") == "WaitingForCache")
    return next(found, None)


def _is_gone(kubectl: Kubectl, claim: str) -> bool | None:
    return True if kubectl.find("pvc", claim) is None else None
