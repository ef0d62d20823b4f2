"""Logs of scoring Pods, routers and steps, and of attempts whose Pods are gone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubectl_comal.cluster import Cluster, Object
from kubectl_comal.errors import ComalError
from kubectl_comal.history import kept_logs
from kubectl_comal.objects import DEPLOYMENT, Found

_CORE = "/api/v1"


@dataclass(frozen=True)
class Wanted:
    """Which logs."""

    part: str | None = None
    """Of a run: its step. Of a deployment: stable, candidate, previous, a revision or routers."""
    attempt: int | None = None
    """Of a step: one attempt that failed."""
    tail: int = 20
    follow: bool = False
    previous: bool = False
    """Of a container that was restarted: the one before."""


def logs(cluster: Cluster, found: Found, wanted: Wanted) -> Iterator[str]:
    """Yield lines, each with its Pod before it where there are several.

    Raises ComalError when there is nothing of the kind.
    """
    if found.kind is DEPLOYMENT:
        pods = _of_deployment(cluster, found, wanted.part)
        if not pods:
            raise ComalError(f"{found.name} has no Pods of {wanted.part or 'any revision'} now")
        yield from _of_pods(cluster, pods, wanted)
        return
    step = wanted.part or _step_of(found)
    label = f"comal.dev/training-run={found.name},comal.dev/step={step}"
    pods = [] if wanted.attempt else _pods(cluster, label)
    if pods:
        yield from _of_pods(cluster, pods, wanted)
    else:
        yield from _kept(cluster, found, step, wanted)


def _of_deployment(cluster: Cluster, found: Found, part: str | None) -> list[Object]:
    component = "router" if part in ("router", "routers") else "scorer"
    label = f"comal.dev/model-deployment={found.name},app.kubernetes.io/component={component}"
    if part and component == "scorer":
        label += f",comal.dev/revision={revision_of(found, part)}"
    return _pods(cluster, label)


def revision_of(found: Found, part: str) -> str:
    """Return the revision that stable, candidate, previous or its own name means."""
    if part not in ("stable", "candidate", "previous"):
        return part
    role = found.status.get(part)
    if not role:
        there = [one for one in ("stable", "candidate", "previous") if found.status.get(one)]
        raise ComalError(
            f"{found.name} has no {part} now; it has {', '.join(there) or 'no revision yet'}"
        )
    return str(role["revision"])


def _pods(cluster: Cluster, label: str) -> list[Object]:
    path = cluster.path("pods", root=_CORE)
    listed = cluster.items(path, what="list Pods", labelSelector=label)
    return sorted(listed, key=lambda one: str(one["metadata"]["creationTimestamp"]))


def _step_of(found: Found) -> str:
    steps = found.status.get("steps") or ()
    active = found.status.get("activeStep")
    if active and any(one["name"] == active for one in steps):
        return str(active)
    over = [one["name"] for one in steps if one["state"] != "Pending"]
    if not over:
        raise ComalError(f"no step of {found.name} has started yet")
    failed = [one["name"] for one in steps if one["state"] == "Failed"]
    return str((failed or over)[-1])


def _kept(cluster: Cluster, found: Found, step: str, wanted: Wanted) -> Iterator[str]:
    """Yield the end of a failed attempt's log, which outlives its Pod."""
    kept = [
        one
        for one in kept_logs(cluster, found)
        if one["metadata"]["labels"].get("comal.dev/step") == step
    ]
    attempts = [str(one["metadata"]["labels"].get("comal.dev/attempt")) for one in kept]
    if wanted.attempt is not None and str(wanted.attempt) not in attempts:
        there = ", ".join(reversed(attempts)) or "none"
        raise ComalError(
            f"no log of attempt {wanted.attempt} at {step} was kept: only attempts that failed"
            f" have one, and of {step} there are: {there}"
        )
    if not kept:
        raise ComalError(f"step {step} of {found.name} has no Pod any more, and failed never")
    chosen = kept[0 if wanted.attempt is None else attempts.index(str(wanted.attempt))]
    lines = str(chosen.get("data", {}).get("log", "")).splitlines()
    yield from lines[-wanted.tail :] if wanted.tail >= 0 else lines


def _of_pods(cluster: Cluster, pods: list[Object], wanted: Wanted) -> Iterator[str]:
    if wanted.follow:
        yield from _followed(cluster, pods, wanted)
        return
    for pod in pods:
        yield from _prefixed(
            pod, pods, cluster.stream(*_address(cluster, pod), **_query(pod, wanted))
        )


def _address(cluster: Cluster, pod: Object) -> tuple[str]:
    return (cluster.path("pods", f"{pod['metadata']['name']}/log", root=_CORE),)


def _query(pod: Object, wanted: Wanted) -> dict[str, str]:
    query = {"what": f"read the log of {pod['metadata']['name']}", "container": _container(pod)}
    if wanted.tail >= 0:
        query["tailLines"] = str(wanted.tail)
    if wanted.follow:
        query["follow"] = "true"
    if wanted.previous:
        query["previous"] = "true"
    return query


def _container(pod: Object) -> str:
    """Return the container that runs, or the one that keeps the others from it."""
    status = pod.get("status") or {}
    for one in status.get("initContainerStatuses") or ():
        ended = (one.get("state") or {}).get("terminated") or {}
        if not one.get("ready") and ended.get("exitCode") != 0:
            return str(one["name"])
    return str(pod["spec"]["containers"][0]["name"])


def _prefixed(pod: Object, pods: list[Object], lines: Iterable[str]) -> Iterator[str]:
    prefix = f"[{pod['metadata']['name']}] " if len(pods) > 1 else ""
    for line in lines:
        yield f"{prefix}{line}"


def _followed(cluster: Cluster, pods: list[Object], wanted: Wanted) -> Iterator[str]:
    """Yield lines of all Pods as they come, until each has ended."""
    lines: list[str] = []
    news = threading.Condition()
    running = len(pods)

    def read(pod: Object) -> None:
        nonlocal running
        try:
            stream = cluster.stream(*_address(cluster, pod), **_query(pod, wanted))
            for line in _prefixed(pod, pods, stream):
                with news:
                    lines.append(line)
                    news.notify()
        except ComalError as error:
            with news:
                lines.append(str(error))
        finally:
            with news:
                running -= 1
                news.notify()

    for pod in pods:
        threading.Thread(target=read, args=(pod,), daemon=True).start()
    while True:
        with news:
            news.wait_for(lambda: lines or not running)
            ready, lines[:] = list(lines), []
        yield from ready
        if not ready and not running:
            return
