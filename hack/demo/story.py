"""The story in chapters; each shows real output of the cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from demo.display import Display
from demo.kubectl import Kubectl, KubectlError, Manifest, wait_for
from demo.traffic import Totals, Traffic, start_traffic

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "manifests" / "samples"
ENDPOINT = "diabetes"
ROW = '{"data": [[0.03, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, -0.002, 0.02, -0.02]]}'
KEYS = "diabetes-keys"
KEY_COMMAND = f"kubectl get secret {KEYS} -o jsonpath='{{.data.primary}}' | base64 -d"
# Asks first as somebody without a key does.
CALLER = """
import os, sys, urllib.error, urllib.request
url, body = sys.argv[1], sys.argv[2].encode()
for headers in ({}, {"authorization": "Bearer " + os.environ["KEY"]}):
    headers["content-type"] = "application/json"
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    print(answer.status, answer.read().decode().strip())
"""
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True)
class Story:
    """Tells the story in one namespace of one cluster."""

    kubectl: Kubectl
    display: Display
    images: dict[str, str]

    def tell(self) -> None:
        """Tell it all. Raises KubectlError where the cluster does not follow."""
        self._fresh_namespace()
        self.display.chapter("1  Train and register a first model (ridge, alpha 0.5)")
        self._train("diabetes-alpha-05")
        self.display.chapter("2  Serve it behind Envoy, and score")
        url = self._serve()
        self._score(url)
        self.display.chapter(
            "3  A better model (alpha 0.4) takes over through a canary, under load"
        )
        self._promote(url)
        self.display.chapter("4  A worse model (alpha 0.9) is trained, and rejected")
        self._train("diabetes-alpha-09")
        self._summary()

    def _fresh_namespace(self) -> None:
        name = self.kubectl.namespace
        cluster = self.kubectl.within("")
        if cluster.find("namespace", name):
            self.display.say(f"removing the namespace {name} of an earlier demonstration")
            cluster.run("delete", "namespace", name, timeout=180)
        cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": RESTRICTED},
            }
        )

    def _apply_sample(self, path: str) -> None:
        self.display.say(f"[cyan]$ kubectl apply -f manifests/samples/{path}[/cyan]")
        self.kubectl.run("apply", "-f", str(SAMPLES / path))

    def _train(self, name: str) -> None:
        self._apply_sample(f"diabetes/{name}.yaml")
        self.display.rows_until(
            self.kubectl, ("trun", name), lambda: self._holds("trun", name, "Complete"), seconds=300
        )
        gate = self._condition("trun", name, "GatePassed")
        self.display.say(f"gate: {gate.get('message', '')}")

    def _serve(self) -> str:
        self._apply_sample("diabetes/endpoint.yaml")
        self.display.rows_until(
            self.kubectl,
            ("mdep", ENDPOINT),
            lambda: self._holds("mdep", ENDPOINT, "Ready"),
            seconds=240,
        )
        found = self.kubectl.find("mdep", ENDPOINT) or {}
        return str(found["status"]["url"])

    def _score(self, url: str) -> None:
        pod = json.dumps({"spec": _confined(self.images["scorer"], url)})
        self.kubectl.run(
            *("run", "score", "--image", self.images["scorer"], "--restart=Never"),
            *("--overrides", pod),
        )
        told = wait_for("the answers", lambda: self._log_of("score"), seconds=60)
        self.kubectl.run("delete", "pod", "score", "--wait=false")
        refused, answer = told.splitlines()
        self.display.say(f"POST {url} {ROW}")
        self.display.say(f"→ {refused}")
        self.display.say(f"[cyan]$ key=$({KEY_COMMAND})[/cyan]")
        self.display.say(f'POST {url} {ROW}, with "Authorization: Bearer $key"')
        self.display.say(f"[green]→ {answer}[/green]")
        if not (refused.startswith("401") and answer.startswith("200")):
            raise KubectlError(f"the endpoint answered {refused}, and then {answer}")

    def _log_of(self, pod: str) -> str | None:
        found = self.kubectl.find("pod", pod) or {}
        phase = found.get("status", {}).get("phase")
        if phase == "Failed":
            raise KubectlError(self.kubectl.run("logs", pod))
        return self.kubectl.run("logs", pod).strip() if phase == "Succeeded" else None

    def _promote(self, url: str) -> None:
        traffic = start_traffic(
            self.kubectl,
            "callers",
            image=self.images["scorer"],
            url=url,
            body=ROW,
            rate=40,
            keys=KEYS,
        )
        self._train("diabetes-alpha-04")
        self.display.rows_until(
            self.kubectl, ("mdep", ENDPOINT), lambda: self._stable("diabetes-v2"), seconds=240
        )
        self._report(traffic)

    def _report(self, traffic: Traffic) -> None:
        totals: Totals = traffic.stop()
        versions = ", ".join(f"v{name}: {n}" for name, n in sorted(totals.versions.items()))
        colour = "green" if totals.lost == 0 else "red"
        self.display.say(
            f"[{colour}]{totals.sent} requests during all this, {totals.lost} lost[/{colour}]"
            f" (answered by {versions})"
        )
        if totals.lost:
            raise KubectlError(f"callers lost requests: {totals.failures}")

    def _summary(self) -> None:
        self.display.chapter("What the cluster says now")
        for kind in ("trainingruns", "modelversions", "modelregistries", "modeldeployments"):
            self.display.command(self.kubectl, "get", kind)
        name = self.kubectl.namespace
        self.display.chapter("Try next")
        for line in (
            f"kubectl -n {name} get trun,mver,mdep -w",
            f"kubectl -n {name} describe trun diabetes-alpha-09",
            f"key=$({KEY_COMMAND.replace('kubectl', f'kubectl -n {name}')})",
            f"kubectl -n {name} port-forward svc/{ENDPOINT} 8080:80 &",
            f"curl -H \"Authorization: Bearer $key\" -d '{ROW}' http://localhost:8080/score",
            (
                f"kubectl -n {name} patch mdep {ENDPOINT} --type merge"
                ' -p \'{"spec":{"model":{"latest":null,"version":"1"}}}\''
            ),
        ):
            self.display.say(f"[cyan]{line}[/cyan]")

    def _condition(self, kind: str, name: str, condition: str) -> Manifest:
        found = self.kubectl.find(kind, name) or {}
        conditions: list[Manifest] = found.get("status", {}).get("conditions", [])
        return next((item for item in conditions if item["type"] == condition), {})

    def _holds(self, kind: str, name: str, condition: str) -> bool:
        if self._condition(kind, name, "Failed").get("status") == "True":
            raise KubectlError(self._condition(kind, name, "Failed")["message"])
        return self._condition(kind, name, condition).get("status") == "True"

    def _stable(self, version: str) -> bool:
        status = (self.kubectl.find("mdep", ENDPOINT) or {}).get("status", {})
        stable = status.get("stable", {}).get("modelVersion") == version
        return stable and self._holds("mdep", ENDPOINT, "Ready")


def _confined(image: str, url: str) -> Manifest:
    """Return the spec of a Pod that the `restricted` standard accepts."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    key = {"secretKeyRef": {"name": KEYS, "key": "primary"}}
    container = {
        "name": "score",
        "image": image,
        "command": ["python3", "-c", CALLER, url, ROW],
        "env": [{"name": "KEY", "valueFrom": key}],
        "securityContext": security,
    }
    return {"automountServiceAccountToken": False, "containers": [container]}
