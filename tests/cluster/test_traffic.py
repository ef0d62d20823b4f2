"""Calls to an endpoint: keys and a certificate that change under load, one line a request."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest

from callers import Callers, bearer
from cluster_words import a_deployment, key_of, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for
from demo.traffic import start_traffic
from router.certificates import certificate
from table_model import GOOD

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PLUGIN = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "kubectl-comal"
# As many connections as make it sure that both routers were asked.
MANY = 8
SCORERS = "app.kubernetes.io/component=scorer,comal.dev/model-deployment=open"


def write_certificate(kubectl: Kubectl, made: dict[str, str]) -> None:
    """Write the Secret as cert-manager does, which keeps the issuer's certificate beside it."""
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls"}
    kubectl.apply(
        {
            **secret,
            "metadata": {"name": "cert"},
            "stringData": {**made, "ca.crt": made["tls.crt"]},
        }
    )


def change_key(kubectl: Kubectl, found: Manifest, slot: str) -> str:
    fresh = secrets.token_hex(24)
    changed = json.dumps({"stringData": {slot: fresh}})
    kubectl.run("patch", "secret", found["status"]["keysSecret"], "-p", changed)
    return fresh


def routers(endpoint: str) -> tuple[str, str]:
    return "-l", f"app.kubernetes.io/component=router,comal.dev/model-deployment={endpoint}"


def hurry(kubectl: Kubectl) -> None:
    """Let the kubelet look at the routers' Secrets now rather than within a minute."""
    kubectl.run(
        "annotate", "pod", *routers("locked"), "--overwrite", f"look={secrets.token_hex(4)}"
    )


def logged(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Return the access log of all routers."""
    text = kubectl.run("logs", *routers("open"), "--tail=-1", "--prefix=false")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def line_of(kubectl: Kubectl, request: str) -> dict[str, Any]:
    """Return the line of the request with that id; Envoy writes every few seconds."""

    def look() -> dict[str, Any] | None:
        return next((one for one in logged(kubectl) if one["requestId"] == request), None)

    return wait_for(f"the line of {request}", look, seconds=30)


def by_plugin(kubectl: Kubectl) -> subprocess.CompletedProcess[str]:
    """Score as a person does with kubectl comal."""
    return subprocess.run(
        [PLUGIN, "invoke", "locked", "-f", "-", "-n", kubectl.namespace],
        env={**os.environ, "KUBECONFIG": str(kubectl.kubeconfig)},
        input=GOOD,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_keys_and_certificate_change_under_load(
    served: Kubectl, images: dict[str, str], tmp_path: Path
) -> None:
    host = f"locked.{served.namespace}.svc"
    old, new = certificate(tmp_path / "old", host), certificate(tmp_path / "new", host)
    both = old["tls.crt"] + new["tls.crt"]
    write_certificate(served, old)
    model = {"name": "table", "version": "1"}
    served.apply(a_deployment("locked", model=model, access={"tls": {"secretName": "cert"}}))
    found = wait_condition(served, "mdep", "locked", ("Ready", "True"), seconds=240)
    callers = Callers(served, images["scorer"], found["status"]["url"], GOOD)
    assert callers.url == f"https://{host}/score"

    first, second = (bearer(key_of(served, found, one)) for one in ("primary", "secondary"))
    nobody, stranger, *known = callers.call({}, bearer("x" * 43), first, second, trusted=both)
    assert [one.status for one in known] == [200, 200]
    for one in (nobody, stranger):
        assert one.status == 401
        assert one.headers["www-authenticate"] == "Bearer"
        assert json.loads(one.body)["error"]["code"] == "no-key"
    assert by_plugin(served).returncode == 0, by_plugin(served).stderr

    facts = {"image": images["scorer"], "url": callers.url, "body": GOOD, "trusted": both}
    keys = found["status"]["keysSecret"]
    early = start_traffic(served, "early", rate=40, keys=keys, **facts)
    third = bearer(change_key(served, found, "secondary"))
    write_certificate(served, new)
    hurry(served)
    wait_for(
        "both routers follow the new key and the certificate",
        lambda: set(callers.codes(*[third] * MANY, trusted=new["tls.crt"])) == {200} or None,
    )
    assert callers.codes(second, third, first, trusted=both) == [401, 200, 200]
    late = start_traffic(served, "late", rate=40, keys=keys, slot="secondary", **facts)
    first_half = early.stop()
    change_key(served, found, "primary")
    hurry(served)
    wait_for(
        "both routers refuse the old key",
        lambda: set(callers.codes(*[first] * MANY, trusted=both)) == {401} or None,
    )
    wait_for("a hundred calls with the new key", lambda: late.totals().answered > 100 or None)
    for totals in (first_half, late.stop()):
        assert totals.lost == 0, totals.failures


def test_one_line_and_one_trace_for_each_request(served: Kubectl, images: dict[str, str]) -> None:
    served.apply(a_deployment("open", model={"name": "table", "version": "1"}, access={}))
    found = wait_condition(served, "mdep", "open", ("Ready", "True"), seconds=240)
    key = key_of(served, found)
    callers = Callers(served, images["scorer"], found["status"]["url"], GOOD)
    trace = f"00-{TRACE}-00f067aa0ba902b7-00"
    traced = {**bearer(key), "x-request-id": "traced", "traceparent": trace}
    path = "/api/v1/service/open/score?secret=1"
    [answer] = callers.call(traced, path=path)
    assert answer.status == 200
    assert answer.headers["x-request-id"] == "traced"
    line = line_of(served, "traced")
    assert line["traceparent"] == trace, "passed on as it came"
    assert (line["method"], line["path"], line["code"]) == ("POST", "/score", 200)
    assert line["revision"] == found["status"]["stable"]["revision"]
    assert (line["modelVersion"], line["endpoint"]) == ("table-v1", "open")
    assert float(line["durationMs"]) >= 0

    plain, stranger = callers.call({**bearer(key), "x-request-id": "plain"}, bearer("x" * 43))
    assert (plain.status, stranger.status) == (200, 401)
    made = line_of(served, "plain")["traceparent"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", made), made
    told = served.run("logs", "-l", SCORERS, "--tail=-1")
    for word in (TRACE, made):
        assert word in told, "the scorer's line has it too"
    everything = json.dumps([logged(served), told, served.find("mdep", "open")])
    for word in (key, "x" * 43, "secret=1"):
        assert word not in everything
