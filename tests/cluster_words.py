"""The words of the stories: objects as a user writes them, and what to wait for."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from demo.kubectl import Kubectl, Manifest

API = "comal.dev/v1alpha1"


# What Pod Security `restricted` asks of a container.
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def a_run(name: str, *steps: Mapping[str, Any], **spec: Any) -> Manifest:
    """Return a TrainingRun of small steps on a small workspace."""
    return {
        "apiVersion": API,
        "kind": "TrainingRun",
        "metadata": {"name": name},
        "spec": {"workspace": {"size": "64Mi"}, **spec, "steps": list(steps)},
    }


def a_step(name: str, script: str = "", **more: Any) -> Manifest:
    """Return a step that runs a shell script in the default image."""
    command = {"command": ["sh", "-c", script]} if script else {}
    return {"name": name, **command, **more}


def a_deployment(name: str, *, model: Mapping[str, Any], **spec: Any) -> Manifest:
    """Return a ModelDeployment with one replica, which whoever reaches it may call."""
    return {
        "apiVersion": API,
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {"model": dict(model), "replicas": 1, "access": {"auth": "None"}, **spec},
    }


def condition(found: Mapping[str, Any] | None, kind: str) -> Manifest:
    """Return the condition of that type, or an empty one."""
    conditions = ((found or {}).get("status") or {}).get("conditions") or []
    return next((dict(item) for item in conditions if item["type"] == kind), {})


def wait_condition(
    kubectl: Kubectl,
    kind: str,
    name: str,
    wanted: tuple[str, str],
    *,
    reason: str = "",
    seconds: float = 180,
) -> Manifest:
    """Return the object once the condition `wanted` = (type, status) holds, for this generation."""

    def look(found: Manifest) -> Manifest | None:
        item = condition(found, wanted[0])
        current = item.get("observedGeneration") == found["metadata"].get("generation")
        right = item.get("status") == wanted[1] and (not reason or item.get("reason") == reason)
        return found if current and right else None

    what = f"{kind} {name} {wanted} {reason}"
    try:
        return kubectl.until(what, look, kind=kind, name=name, seconds=seconds)
    except Exception as error:
        told = kubectl.run("get", kind, name, "--ignore-not-found", "-o", "jsonpath={.status}")
        pods = kubectl.run("get", "pods", "-o", "wide")
        error.add_note(f"status: {told}\npods:\n{pods}")
        raise


def key_of(kubectl: Kubectl, found: Mapping[str, Any], slot: str = "primary") -> str:
    """Return a key of the endpoint `found`, as a person finds it."""
    path = f"jsonpath={{.data.{slot}}}"
    text = kubectl.run("get", "secret", found["status"]["keysSecret"], "-o", path)
    return base64.b64decode(text).decode()


def score(kubectl: Kubectl, image: str, url: str, body: str, *, key: str = "") -> tuple[int, str]:
    """Return status and body of one POST from inside the cluster."""
    program = (
        "import sys,urllib.request,urllib.error\n"
        "h={'authorization':'Bearer '+k for k in sys.argv[2:]}\n"
        "r=urllib.request.Request(sys.argv[1],sys.stdin.buffer.read(),"
        "{'content-type':'application/json',**h})\n"
        "try:\n a=urllib.request.urlopen(r,timeout=20);print(a.status);print(a.read().decode())\n"
        "except urllib.error.HTTPError as e:\n print(e.code);print(e.read().decode())\n"
    )
    deployment = f"deployment/{a_caller(kubectl, image)}"
    text = kubectl.run(
        *("exec", "-i", deployment, "--", "python3", "-c", program, url, *([key] if key else ())),
        stdin=body,
        timeout=60,
    )
    status, _, answer = text.partition("\n")
    return int(status), answer.strip()


def picture(kubectl: Kubectl, image: str, label: str) -> str:
    """Return a JPEG in base64 that no training has seen, as the trainer image cuts it."""
    program = (
        "import base64,sys\n"
        "from comal_trainer.pipelines.tacosandburritos.photographs import crops\n"
        "found=[p for p in crops(60,96)['test'] if p.label==sys.argv[1]]\n"
        "print(base64.b64encode(found[-1].content).decode())\n"
    )
    deployment = f"deployment/{a_caller(kubectl, image, 'painter')}"
    return kubectl.run("exec", deployment, "--", "python3", "-c", program, label).strip()


def a_caller(kubectl: Kubectl, image: str, name: str = "caller") -> str:
    """Return the name of a Deployment to exec into; made once a namespace."""
    if kubectl.find("deployment", name) is None:
        kubectl.apply(_caller_manifest(name, image))
    kubectl.run("rollout", "status", f"deployment/{name}", "--timeout=60s")
    return name


def _caller_manifest(name: str, image: str) -> Manifest:
    container = {
        "name": "caller",
        "image": image,
        "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"],
        "securityContext": RESTRICTED,
    }
    pod = {"automountServiceAccountToken": False, "containers": [container]}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
