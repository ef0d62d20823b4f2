"""A run that is over tells a webhook, and leaves its series of metrics when its workspace goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from cluster_words import RESTRICTED, a_run, a_step, condition, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

KEY = "s3cr3t-path"
RECEIVER = """
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    left = 1
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(self.path, self.headers["Content-Type"], body, flush=True)
        # The first is not taken: it comes again.
        self.send_response(503 if Handler.left else 202)
        Handler.left = 0
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
TRAIN = (
    "from comal_trainer.heartbeat import Heartbeat\n"
    "import json\n"
    "with Heartbeat() as heartbeat:\n"
    "    for epoch in range(1, 6):\n"
    "        heartbeat.report(epoch=f'{epoch}/5', step=epoch, metrics={'mse': 6 - epoch})\n"
    "json.dump({'mse': 1}, open('metrics.json', 'w'))\n"
)


def a_receiver(image: str) -> tuple[Manifest, ...]:
    container = {
        "name": "receiver",
        "image": image,
        "command": ["python", "-uc", RECEIVER],
        "securityContext": RESTRICTED,
    }
    pod = {"automountServiceAccountToken": False, "containers": [container]}
    labels = {"app": "receiver"}
    service = {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
    named = {"name": "receiver", "labels": labels}
    return (
        {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": pod},
        {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": service},
    )


def heard(kubectl: Kubectl) -> list[Any]:
    """Return what the webhook heard, also what it did not take."""
    lines = kubectl.run("logs", "pod/receiver").splitlines()
    assert all(line.startswith(f"/{KEY} application/cloudevents+json") for line in lines)
    return [json.loads(line[line.index("{") :]) for line in lines]


def test_a_webhook_hears_of_a_rejected_model(kubectl: Kubectl, images: dict[str, str]) -> None:
    kubectl.apply(*a_receiver(images["trainer"]))
    kubectl.run("wait", "--for=condition=Ready", "pod/receiver", "--timeout=120s")
    urls = {
        "hook": f"http://receiver.{kubectl.namespace}.svc/{KEY}\n",
        # In the clear, and outside the cluster: refused before anything is sent.
        "wrong": f"http://example.org/{KEY}",
    }
    for name, url in urls.items():
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
        kubectl.apply({**secret, "stringData": {"url": url}})
    hooks = [{"webhook": {"secretRef": {"name": name}}} for name in (*urls, "missing")]
    kubectl.apply(
        a_run(
            "telling",
            a_step("train", command=["python", "-c", TRAIN]),
            gate={"metric": "mse", "goal": "Minimize", "threshold": "0.5"},
            register={"model": "telling"},
            notify=hooks,
        )
    )
    # The third Secret is missing: nobody waits for what it would tell.
    done = wait_condition(kubectl, "trainingrun", "telling", ("Complete", "True"))

    def twice() -> list[Any] | None:
        found = heard(kubectl)
        return found if len(found) == 2 else None

    first, again = wait_for("two events", twice, seconds=180)
    assert first == again
    assert first["type"] == "dev.comal.trainingrun.rejected"
    assert first["data"]["message"] == condition(done, "Complete")["message"]
    assert first["data"]["metric"] == "mse=1"

    labels = "app.kubernetes.io/component=training-notify"
    wait_for("a Job that is done", lambda: _is_told(kubectl, labels), seconds=60)
    said = kubectl.run("logs", "-l", labels, "--tail=-1", "--ignore-errors")
    assert "was taken with HTTP 202" in said
    missed = wait_condition(kubectl, "trainingrun", "telling", ("Notified", "False"))
    assert "did not tell the webhook of Secret wrong: " in condition(missed, "Notified")["message"]
    everything = kubectl.run("get", "trainingruns,jobs,pods,events", "-o", "yaml")
    assert KEY not in said + everything

    mine = ("-l", "comal.dev/training-run=telling", "--wait=true")
    kubectl.run("delete", "jobs,pods", *mine)
    kubectl.run("delete", "persistentvolumeclaims", *mine)
    rows = json.loads(_comal(kubectl, "metrics", "telling", "-o", "json"))
    assert [(row["epoch"], row["metrics"]["mse"]) for row in rows] == [
        (f"{epoch}/5", 6 - epoch) for epoch in range(1, 6)
    ]


def _is_told(kubectl: Kubectl, labels: str) -> bool | None:
    jobs = kubectl.items("jobs", "-l", labels)
    return any((job.get("status") or {}).get("succeeded") for job in jobs) or None


def _comal(kubectl: Kubectl, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kubectl_comal", *arguments, "-n", kubectl.namespace],
        env={**os.environ, "KUBECONFIG": str(kubectl.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
