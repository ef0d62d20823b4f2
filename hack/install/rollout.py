"""Applying the manifests and watching the operator come up, or go."""

import time
from pathlib import Path
from typing import Any

from cluster.commands import ClusterError, say
from install.calls import Calls

NAME = "comal-operator"
# Endpoints first, so that no router is left without what it routes to.
KINDS = ("modeldeployments", "trainingruns", "modelversions", "modelregistries")
_PATIENCE_SECONDS = 180.0
_POLL_SECONDS = 0.5
_HOPELESS = ("ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError")


def bring(calls: Calls, overlay: Path, namespace: str) -> None:
    """Apply the overlay and wait for the rollout. Raises ClusterError saying what is stuck."""
    say(f"installing the operator into namespace {namespace}")
    calls.run("apply", "--server-side", "--force-conflicts", "--field-manager=comal-install",
              "-k", overlay)  # fmt: skip
    for kind in KINDS:
        calls.run("wait", "--for=condition=Established", f"crd/{kind}.comal.dev", "--timeout=60s")
    _follow_rollout(calls, namespace)
    _drop_old_images(calls, namespace)
    say("the operator is ready")


def remove(calls: Calls, overlay: Path, namespace: str) -> None:
    """Remove the operator, every object of ours with its children, and the kinds themselves."""
    say("stopping the operator")
    # First of all: a running operator would make again what is deleted.
    calls.run("delete", "deployment", NAME, "--namespace", namespace, "--ignore-not-found",
              "--cascade=foreground", "--timeout=120s")  # fmt: skip
    served = calls.run("get", "crd", "-o", "name").split()
    for kind in KINDS:
        if f"customresourcedefinition.apiextensions.k8s.io/{kind}.comal.dev" in served:
            say(f"deleting all {kind} and what they made")
            calls.run("delete", f"{kind}.comal.dev", "--all", "--all-namespaces",
                      "--cascade=foreground", "--timeout=180s")  # fmt: skip
    say("deleting the installation")
    calls.run("delete", "-k", overlay, "--ignore-not-found", "--timeout=180s")


def _follow_rollout(calls: Calls, namespace: str) -> None:
    give_up, last = time.monotonic() + _PATIENCE_SECONDS, ""
    while True:
        deployment = calls.find("deployment", NAME, "--namespace", namespace)
        progress = rollout_progress(deployment)
        if progress is None:
            return
        pods = calls.find("pods", "--namespace", namespace, "--selector",
                          f"app.kubernetes.io/name={NAME}")  # fmt: skip
        trouble = waiting_reasons(pods)
        line = "; ".join((progress, *trouble))
        if line != last:
            say(line)
            last = line
        if time.monotonic() > give_up or any(word in line for word in _HOPELESS):
            raise ClusterError(f"the operator does not come up: {line}\n{_log(calls, namespace)}")
        time.sleep(_POLL_SECONDS)


def rollout_progress(deployment: dict[str, Any]) -> str | None:
    """How far the rollout is, for people; None when every replica is new and ready."""
    if not deployment:
        return "the Deployment is not there yet"
    wanted = deployment["spec"]["replicas"]
    status = deployment.get("status") or {}
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    if seen and updated == available == status.get("replicas", 0) == wanted:
        return None
    return f"{updated} of {wanted} replicas are new, {available} available"


def waiting_reasons(pods: dict[str, Any]) -> list[str]:
    """Why each container that waits does so, one phrase a Pod, without repetition."""
    reasons = set()
    for pod in pods.get("items", ()):
        for container in pod.get("status", {}).get("containerStatuses") or ():
            waiting = (container.get("state") or {}).get("waiting")
            if waiting:
                reasons.add(
                    f"{waiting.get('reason', 'waiting')} {waiting.get('message', '')}".strip()
                )
    return sorted(reasons)


def _log(calls: Calls, namespace: str) -> str:
    done = calls.attempt("logs", f"deployment/{NAME}", "--namespace", namespace, "--tail=15",
                         "--all-pods=false")  # fmt: skip
    return done.stdout.strip() or done.stderr.strip()


def _drop_old_images(calls: Calls, namespace: str) -> None:
    """Delete the ConfigMaps of earlier images, whose names carry another hash."""
    deployment = calls.find("deployment", NAME, "--namespace", namespace)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    used = {source["configMapRef"]["name"] for source in container["envFrom"]}
    for config_map in calls.find("configmaps", "--namespace", namespace)["items"]:
        name = config_map["metadata"]["name"]
        if name.startswith("comal-images-") and name not in used:
            calls.run("delete", "configmap", name, "--namespace", namespace)
