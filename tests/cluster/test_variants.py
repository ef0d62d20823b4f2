"""Two versions side by side for long: shares by a map, under load, and nobody loses an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster_words import a_deployment, a_run, a_step, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for
from demo.traffic import start_traffic

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

ROW = json.dumps({"data": [[0.03, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, -0.002, 0.02, -0.02]]})
# Calls by the header; prints code and model version of each.
NAMING = (
    "import sys,urllib.request,urllib.error\n"
    "for name in sys.argv[3:]:\n"
    " r=urllib.request.Request(sys.argv[1],sys.argv[2].encode(),"
    "{'content-type':'application/json','azureml-model-deployment':name})\n"
    " try:\n  a=urllib.request.urlopen(r,timeout=20)\n"
    " except urllib.error.HTTPError as e:\n  a=e\n"
    " print(a.status,a.headers.get('x-comal-model-version'))\n"
)


def endpoint(**variants: tuple[str, str]) -> Manifest:
    """Return version 1 with variants of a version and a share each."""
    listed = [
        {"name": name, "model": {"name": "diabetes", "version": version}, "percent": percent}
        for name, (version, percent) in variants.items()
    ]
    return a_deployment(
        "ab",
        model={"name": "diabetes", "version": "1"},
        variants=listed,
        access={"auth": "None"},
        limits={"concurrencyPerPod": 4},
        rollout={"drain": "2s"},
    )


def ready(kubectl: Kubectl) -> Any:
    return wait_condition(kubectl, "mdep", "ab", ("Ready", "True"), seconds=240)["status"]


def train(kubectl: Kubectl, name: str, alpha: str) -> None:
    steps = [a_step(one, args=["diabetes", one]) for one in ("train", "evaluate")]
    kubectl.apply(a_run(name, *steps, parameters={"alpha": alpha}, register={"model": "diabetes"}))
    wait_condition(kubectl, "trun", name, ("Complete", "True"), seconds=400)


def test_shares_follow_the_map_and_nobody_loses_an_answer(
    kubectl: Kubectl, images: dict[str, str]
) -> None:
    train(kubectl, "first", "0.5")
    train(kubectl, "second", "0.4")
    kubectl.apply(endpoint(green=("2", "30")))
    url = ready(kubectl)["url"]

    def shares() -> dict[str, str]:
        traffic = ready(kubectl)["traffic"]
        return {one.get("variant", ""): one["acknowledgedPercent"] for one in traffic}

    wait_for(
        "every router follows", lambda: shares() == {"": "70", "green": "30"} or None, seconds=30
    )
    traffic = start_traffic(kubectl, "callers", image=images["scorer"], url=url, body=ROW)
    wait_for("300 calls", lambda: traffic.totals().sent >= 300 or None, seconds=60)
    seen = traffic.totals()
    assert abs(seen.versions["2"] / seen.sent - 0.3) < 0.02, seen.versions
    names = ("green", "green", "green", "purple")
    told = kubectl.run("exec", "callers", "--", "python3", "-c", NAMING, url, ROW, *names)
    assert told.split("\n")[:3] == ["200 2"] * 3
    assert told.split("\n")[3].startswith("404")

    # Blue and green by the map alone, and another model under the same name.
    for percent in ("50", "100", "0"):
        kubectl.apply(endpoint(green=("2", percent)))
        status = ready(kubectl)
    old = status["variants"][0]["serving"]["revision"]
    kubectl.apply(endpoint(green=("1", "40")))
    after = ready(kubectl)["variants"][0]["serving"]
    assert after["modelVersion"] == "diabetes-v1"
    assert after["revision"] != old
    kubectl.apply(endpoint())
    status = ready(kubectl)
    assert "variants" not in status

    def gone() -> bool | None:
        labels = "comal.dev/variant=green"
        return not kubectl.run("get", "pods", "-l", labels, "-o", "name").strip() or None

    wait_for("the variants' Pods are gone", gone, seconds=120)
    totals = traffic.stop()
    assert totals.lost == 0, totals.failures
