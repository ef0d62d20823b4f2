"""Calls to an endpoint: keys that change under load, headers that choose, one line a request."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping

import pytest

from cluster_words import a_deployment, a_run, a_step, score, wait_condition
from demo.kubectl import Kubectl, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

ROW = json.dumps({"data": [[0.03, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, -0.002, 0.02, -0.02]]})
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
# Calls with each line of the first argument as headers, on connections of their own; prints
# [code, headers, body] for each.
CALLS = (
    "import json,sys,urllib.request,urllib.error\n"
    "for h in json.loads(sys.argv[2]):\n"
    " r=urllib.request.Request(sys.argv[1],sys.argv[3].encode(),h)\n"
    " try:\n  a=urllib.request.urlopen(r,timeout=20)\n"
    " except urllib.error.HTTPError as e:\n  a=e\n"
    " print(json.dumps([a.status,dict(a.headers),a.read().decode()]))\n"
)


def call(kubectl: Kubectl, url: str, *headers: Mapping[str, str]) -> list[tuple[int, str]]:
    """Return code and body of one POST for each of `headers`."""
    typed = [{"content-type": "application/json", **one} for one in headers]
    words = ("python3", "-c", CALLS, url, json.dumps(typed), ROW)
    told = kubectl.run("exec", "deployment/caller", "--", *words, timeout=120)
    return [(one[0], one[2]) for one in map(json.loads, told.splitlines())]


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def keys_of(kubectl: Kubectl, name: str) -> dict[str, str]:
    found = kubectl.find("secret", name)
    assert found is not None
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def logged(kubectl: Kubectl) -> list[dict[str, str]]:
    """Return the access log of all routers."""
    text = kubectl.run(
        *("logs", "-l", "app.kubernetes.io/component=router", "--tail=-1", "--prefix=false")
    )
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def traced_line(kubectl: Kubectl) -> dict[str, str] | None:
    """Return the log's line of the request with our trace; Envoy writes every few seconds."""
    return next((one for one in logged(kubectl) if TRACE in (one["traceparent"] or "")), None)


def test_an_endpoint_with_keys(kubectl: Kubectl, images: dict[str, str]) -> None:
    kubectl.apply(
        a_run(
            "first",
            a_step("train", args=["diabetes", "train"]),
            a_step("evaluate", args=["diabetes", "evaluate"]),
            parameters={"alpha": "0.5"},
            register={"model": "diabetes"},
        )
    )
    rule = {"header": {"name": "x-api-version", "value": "blue"}, "to": "Stable"}
    endpoint = a_deployment(
        "locked",
        model={"name": "diabetes", "trainingRun": "first"},
        access={},
        traffic={"rules": [rule]},
    )
    kubectl.apply(endpoint)
    wait_condition(kubectl, "trun", "first", ("Complete", "True"), seconds=400)
    found = wait_condition(kubectl, "mdep", "locked", ("Ready", "True"), seconds=300)
    url, name = found["status"]["url"], found["status"]["keysSecret"]
    assert score(kubectl, images["scorer"], url, ROW)[0] == 401

    keys = keys_of(kubectl, name)
    first, second = bearer(keys["primary"]), bearer(keys["secondary"])
    answers = call(kubectl, url, {}, bearer("x" * 43), first, second)
    assert [code for code, _ in answers] == [401, 401, 200, 200]

    service = url.removesuffix("/score") + "/api/v1/service/locked/score"
    traced = {**first, "traceparent": f"00-{TRACE}-00f067aa0ba902b7-00", "x-api-version": "blue"}
    assert [code for code, _ in call(kubectl, service, traced)] == [200]
    line = wait_for("the line of that request", lambda: traced_line(kubectl), seconds=30)
    assert line["modelVersion"] == "diabetes-v1"
    assert line["revision"] == found["status"]["stable"]["revision"]
    assert line["path"] == "/score"
    assert keys["primary"] not in json.dumps(logged(kubectl))

    fresh = secrets.token_hex(24)
    changed = json.dumps({"stringData": {"secondary": fresh}})
    kubectl.run("patch", "secret", name, "-p", changed)
    codes: set[int] = set()

    def is_followed() -> bool:
        told = [code for code, _ in call(kubectl, url, first, first, bearer(fresh), second)]
        codes.update(told[:2])
        return told[2:] == [200, 401]

    wait_for("both routers follow the new key", is_followed, seconds=180)
    assert codes == {200}, "who has the other key notices nothing"
