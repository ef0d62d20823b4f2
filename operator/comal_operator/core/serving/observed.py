"""What the cluster shows of an endpoint's revisions and routers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from comal_operator.core.children import is_ours
from comal_operator.core.conditions import find, is_true, parse_timestamp
from comal_operator.core.names import LABEL_REVISION
from comal_operator.core.plan import Manifest, RouterVersions, Seen
from comal_operator.core.serving.acknowledgement import acknowledged_traffic
from comal_operator.core.serving.counters import Reading
from comal_operator.core.serving.endpoints import Address
from comal_operator.core.serving.labels import ROUTER, SCORER
from comal_operator.core.serving.pods import SCORING_PORT
from comal_operator.core.serving.problems import Problem, problem_of, scaling_problem
from comal_operator.core.serving.revision import child_of_revision

_COMPONENT = "app.kubernetes.io/component"
# A Pod that should be gone by now and is not lies on a node that is gone.
_LATE = timedelta(seconds=30)


@dataclass(frozen=True)
class RevisionSeen:
    """One revision as the cluster shows it."""

    wanted: int = 0
    """Pods that its Deployment asks for; 0 as well when there is no Deployment."""
    running: int = 0
    """Pods that there are."""
    ready: int = 0
    is_available: bool = False
    """Whether all that were asked for answer, and endpoints are known."""
    made: datetime | None = None
    """When its Deployment was; None while there is none."""
    unavailable_since: datetime | None = None
    """Since when too few Pods answer, as its Deployment says."""
    addresses: tuple[Address, ...] = ()
    """Where its Pods are or will be found; a router asks each itself whether it is ready."""
    answering: int = 0
    """Endpoints that are ready."""
    problem: Problem | None = None
    scaling: Problem | None = None
    """Why its autoscaler does not scale, in its own words."""
    is_scaling: bool = False
    """Whether its autoscaler has said that it scales."""


@dataclass(frozen=True)
class RoutersSeen:
    """The routers as the cluster shows them."""

    running: tuple[Manifest, ...] = ()
    """Pods that follow the Secret."""
    ready: tuple[Manifest, ...] = ()
    """Those that callers reach. Others get no requests, so they need not have said a word."""
    leaving: int = 0
    """Pods that stop and may still have callers; they follow nothing any more."""
    counting: bool = False
    """Whether what they count is of interest too."""

    def questions(self) -> tuple[RouterVersions, ...]:
        """Return what to ask of each router that callers reach."""
        return tuple(
            RouterVersions(pod["metadata"]["name"], pod["status"]["podIP"], counters=self.counting)
            for pod in self.ready
        )

    def readings(self, seen: Seen) -> dict[str, Reading] | None:
        """Return what each ready router has counted; None if not every one has just told."""
        found: dict[str, Reading] = {}
        for one in self.questions():
            reading = (seen.answers.get(one) or {}).get("reading")
            if not isinstance(reading, Reading):
                return None
            found[one.pod] = reading
        return found

    def told(self, seen: Seen) -> list[Mapping[str, str] | None] | None:
        """Return each ready router's traffic (None: silent); None if not all were asked yet."""
        questions = self.questions()
        if any(one not in seen.answers for one in questions):
            return None
        return [acknowledged_traffic(seen.answers[one]) for one in questions]

    def others_than(self, versions: Mapping[str, str], seen: Seen) -> tuple[Manifest, ...]:
        """Return the ready ones that have just said they run something else than `versions`.

        What one says nothing of it may be about to run.
        """
        pairs = zip(self.ready, self.questions(), strict=True)
        told = [(pod, seen.answers.get(question) or {}) for pod, question in pairs]
        return tuple(
            pod
            for pod, said in told
            if any(said.get(source, text) != text for source, text in versions.items())
        )


def see_revisions(mdep: Manifest, seen: Seen) -> dict[str, RevisionSeen]:
    """Return every revision that has a Deployment, by name."""
    pods: dict[str, list[Manifest]] = {}
    for pod in seen.all("Pod"):
        marks = pod["metadata"].get("labels") or {}
        if marks.get(_COMPONENT) == SCORER and "deletionTimestamp" not in pod["metadata"]:
            pods.setdefault(marks.get(LABEL_REVISION, ""), []).append(pod)
    found = {}
    for deployment in seen.all("Deployment"):
        revision = (deployment["metadata"].get("labels") or {}).get(LABEL_REVISION)
        if revision is not None and is_ours(deployment, mdep):
            found[revision] = _revision(mdep, revision, deployment, pods.get(revision, []), seen)
    return found


def _revision(
    mdep: Manifest, revision: str, deployment: Manifest, pods: list[Manifest], seen: Seen
) -> RevisionSeen:
    wanted = deployment["spec"].get("replicas", 1)
    scaler = seen.get("HorizontalPodAutoscaler", deployment["metadata"]["name"])
    status = deployment.get("status") or {}
    addresses, answering = _endpoints(child_of_revision(mdep, revision), seen)
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
    counts = ("availableReplicas", "updatedReplicas")
    full = current and wanted > 0 and all(status.get(one, 0) >= wanted for one in counts)
    condition = find(status.get("conditions"), "Available")
    is_down = condition is not None and condition["status"] == "False"
    since = condition.get("lastTransitionTime") if condition and is_down else None
    return RevisionSeen(
        wanted=wanted,
        running=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        is_available=full and bool(addresses),
        made=parse_timestamp(deployment["metadata"]["creationTimestamp"]),
        unavailable_since=parse_timestamp(since) if since else None,
        addresses=addresses,
        answering=answering,
        problem=problem_of(pods),
        scaling=scaling_problem(scaler),
        is_scaling=is_true(((scaler or {}).get("status") or {}).get("conditions"), "ScalingActive"),
    )


def _endpoints(service: str, seen: Seen) -> tuple[tuple[Address, ...], int]:
    """Return the addresses of all that are not on their way out, and how many are ready.

    Those that are not ready are listed too: routers ask each endpoint themselves, so a Pod that
    comes back needs no change of theirs, and not us.
    """
    addresses: set[Address] = set()
    answering: set[str] = set()
    for piece in seen.all("EndpointSlice"):
        if (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name") != service:
            continue
        for endpoint in piece.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            if conditions.get("terminating"):
                continue
            for address in endpoint.get("addresses") or ():
                addresses.add((address, SCORING_PORT))
                if conditions.get("ready") is not False:
                    answering.add(address)
    return tuple(sorted(addresses)), len(answering)


def see_routers(seen: Seen, now: datetime) -> RoutersSeen:
    """Return the routers' Pods by what they can do."""
    pods = [
        pod
        for pod in seen.all("Pod")
        if (pod["metadata"].get("labels") or {}).get(_COMPONENT) == ROUTER
    ]
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    running = [pod for pod in staying if (pod.get("status") or {}).get("phase") == "Running"]
    ready = [
        pod
        for pod in running
        if is_true(pod["status"].get("conditions"), "Ready") and pod["status"].get("podIP")
    ]
    leaving = [
        pod
        for pod in pods
        if "deletionTimestamp" in pod["metadata"]
        and (pod.get("status") or {}).get("phase") == "Running"
        and now < parse_timestamp(pod["metadata"]["deletionTimestamp"]) + _LATE
    ]
    return RoutersSeen(tuple(running), tuple(ready), len(leaving))
