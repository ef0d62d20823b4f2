"""Two versions side by side for long: shares by a map, under load, and nobody loses an answer."""

from __future__ import annotations

from typing import Any

import pytest

from cluster_words import a_deployment, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for
from demo.traffic import start_traffic
from table_model import GOOD

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

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
        {"name": name, "model": {"name": "table", "version": version}, "percent": percent}
        for name, (version, percent) in variants.items()
    ]
    return a_deployment(
        "ab",
        model={"name": "table", "version": "1"},
        variants=listed,
        access={"auth": "None"},
        limits={"concurrencyPerPod": 4},
        rollout={"drain": "2s"},
    )


def ready(kubectl: Kubectl) -> Any:
    return wait_condition(kubectl, "mdep", "ab", ("Ready", "True"), seconds=240)["status"]


def test_shares_follow_the_map_and_nobody_loses_an_answer(
    served: Kubectl, images: dict[str, str]
) -> None:
    served.apply(endpoint(green=("2", "30")))
    url = ready(served)["url"]

    def shares() -> dict[str, str]:
        traffic = ready(served)["traffic"]
        return {one.get("variant", ""): one["acknowledgedPercent"] for one in traffic}

    wait_for(
        "every router follows", lambda: shares() == {"": "70", "green": "30"} or None, seconds=30
    )
    traffic = start_traffic(served, "ab-callers", image=images["scorer"], url=url, body=GOOD)
    wait_for("300 calls", lambda: traffic.totals().sent >= 300 or None, seconds=60)
    seen = traffic.totals()
    assert abs(seen.versions["2"] / seen.sent - 0.3) < 0.02, seen.versions
    names = ("green", "green", "green", "purple")
    told = served.run("exec", "ab-callers", "--", "python3", "-c", NAMING, url, GOOD, *names)
    assert told.split("\n")[:3] == ["200 2"] * 3
    assert told.split("\n")[3].startswith("404")

    # Blue and green by the map alone, and another model under the same name.
    for percent in ("50", "100", "0"):
        served.apply(endpoint(green=("2", percent)))
        status = ready(served)
    old = status["variants"][0]["serving"]["revision"]
    served.apply(endpoint(green=("1", "40")))
    after = ready(served)["variants"][0]["serving"]
    assert after["modelVersion"] == "table-v1"
    assert after["revision"] != old
    served.apply(endpoint())
    status = ready(served)
    assert "variants" not in status

    def gone() -> bool | None:
        labels = "comal.dev/variant=green"
        return not served.run("get", "pods", "-l", labels, "-o", "name").strip() or None

    wait_for("the variants' Pods are gone", gone, seconds=120)
    totals = traffic.stop()
    assert totals.lost == 0, totals.failures
