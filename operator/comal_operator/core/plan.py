"""What a decision may ask for: writes, questions, and when to look again.

A plan is a value. The shell carries out its first action, puts the API's answer into what was
seen, and decides again; so a plan may list everything it would do, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from comal_operator.core.names import FIELD_MANAGER
from comal_operator.core.presets import Preset
from comal_trainer.contract.progress import Report

Manifest = Mapping[str, Any]
"""A Kubernetes object as plain data, in the order a person would write its YAML."""


@dataclass(frozen=True)
class Ref:
    """Names one object of the namespace under decision."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Manifest) -> Ref:
        """Return the reference of `manifest`."""
        meta = manifest["metadata"]
        return cls(
            manifest["apiVersion"], manifest["kind"], meta.get("namespace", ""), meta["name"]
        )


@dataclass(frozen=True)
class Create:
    """POST: for what must happen once, since the API server lets one creator win.

    If the name is taken the shell reads the object there and the decision looks at it.
    """

    manifest: Manifest


class Credentials(Enum):
    """What is random in a new Secret."""

    LOGIN = "username, password and htpasswd (bcrypt)"
    KEYS = "primary and secondary, keys of callers"


@dataclass(frozen=True)
class CreateCredentials:
    """POST a Secret with new random credentials, which nobody chooses and we never read.

    `manifest` is the Secret without data. We can neither get nor list Secrets, so whether it was
    made now or was there already, the shell shows `manifest` in Seen for the rest of the pass.
    """

    manifest: Manifest
    credentials: Credentials = Credentials.LOGIN


@dataclass(frozen=True)
class Apply:
    """Server-side apply, in order, under our field manager; for all that may be repeated."""

    manifests: tuple[Manifest, ...]
    manager: str = FIELD_MANAGER
    """Another one only for a field that is to pass into other hands (docs/decisions/0014)."""


@dataclass(frozen=True)
class Delete:
    """Delete exactly this object: uid and resourceVersion are preconditions."""

    ref: Ref
    uid: str
    resource_version: str | None = None
    grace_seconds: int | None = None
    """Of a Pod: 0 does not wait for its kubelet, which may be gone. Its own grace when None."""


@dataclass(frozen=True)
class WriteStatus:
    """Server-side apply of the whole status; resourceVersion makes a stale judgement fail."""

    ref: Ref
    resource_version: str
    status: Manifest
    only_news: bool = False
    """Whether it tells people how far something is and nothing is ever built on it: then what the
    cache shows is good enough, and under load it is the write that waits.
    """


Action = Create | CreateCredentials | Apply | Delete | WriteStatus


@dataclass(frozen=True)
class LogTail:
    """Ask for the last lines of a container's log; answered by a string, empty if it is gone."""

    pod: str
    container: str
    lines: int = 20


@dataclass(frozen=True)
class LastLogLine:
    """Ask when a container logged last; answered by a datetime, None if it never did."""

    pod: str
    container: str


@dataclass(frozen=True)
class EventsOf:
    """Ask for the Events about one object; answered by (reason, message) pairs, newest first."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True)
class RouterVersions:
    """Ask a router Pod what it runs; answered by a mapping (see core/serving), None if silent."""

    pod: str
    ip: str
    counters: bool = False
    """Whether to read what it has counted too: a Reading, under `reading`."""


@dataclass(frozen=True)
class Named:
    """Ask for an object of a watched kind that no look shows; answered as the watch told it last.

    None if there is none. It costs no call; a write that is built on it meets what is there.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class WorkloadOf:
    """Ask for Kueue's Workloads of a Job; answered by a tuple, None where there is no Kueue."""

    job_uid: str


@dataclass(frozen=True)
class StepProgress:
    """Ask what a step's Pod reported; answered by Heard, None if this replica heard nothing."""

    pod_uid: str


@dataclass(frozen=True)
class Heard:
    """The newest report of one Pod."""

    report: Report
    at: datetime
    """When the step said it: a client that only repeats itself makes nothing newer."""
    since: tuple[float, datetime] | None = None
    """The first percent that the Pod reported, and when: its pace is reckoned from there."""


Question = LogTail | LastLogLine | EventsOf | RouterVersions | StepProgress | Named | WorkloadOf


@dataclass(frozen=True)
class Seen:
    """What the cluster shows of everything that one decision may look at.

    `objects` are the namespace's objects that the kind declared relevant, by (kind, name).
    `answers` are the answers to the questions of an earlier look in the same pass.
    `refusals` are writes of this pass that the API server refused for good (400, 403, 422),
    by (kind, name) of the manifest: a decision reports them instead of repeating the write.
    """

    objects: Mapping[tuple[str, str], Manifest] = field(default_factory=dict)
    answers: Mapping[Question, Any] = field(default_factory=dict)
    refusals: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def get(self, kind: str, name: str) -> Manifest | None:
        """Return the object of that kind and name, or None."""
        return self.objects.get((kind, name))

    def all(self, kind: str) -> Sequence[Manifest]:
        """Return the objects of that kind, by name."""
        return [self.objects[key] for key in sorted(self.objects) if key[0] == kind]


def _no_names(_: Manifest) -> Sequence[tuple[str, str]]:
    return ()


def _no_kinds(_: Manifest) -> Sequence[str]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Relevant:
    """Which objects of the namespace a decision about one object of a kind looks at.

    The shell fills `Seen.objects` with exactly these, and wakes the object when one changes.
    """

    label: str
    """The label by which children (and the Pods under them) name their owner."""
    by_label: tuple[str, ...]
    """Kinds of which those with `label` equal to the object's name are seen."""
    whole_namespace: tuple[str, ...] = ()
    """Kinds of which all of the namespace are seen; only for our own, which are few."""
    looked_up: Callable[[Manifest], Sequence[str]] = _no_kinds
    """Further kinds of which this object sees all; a change of one does not wake it."""
    wakes_by: str = ""
    """Label by which an object of a looked-up kind names the one that it wakes all the same."""
    nodes: bool = False
    """Whether the Nodes under its live Pods are seen, where the installation may watch them."""
    by_name: Callable[[Manifest], Sequence[tuple[str, str]]] = _no_names
    """(kind, name) pairs to read one by one: Secrets, which we may neither list nor watch."""


@dataclass(frozen=True)
class Plan:
    """All that one look asks for; nothing in it means: leave the cluster alone until woken."""

    actions: tuple[Action, ...] = ()
    questions: tuple[Question, ...] = ()
    requeue_after: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the installation decides and decisions need; read from the environment once."""

    operator_namespace: str
    trainer_image: str
    scorer_image: str
    router_image: str
    registry_image: str
    scorer_tensorflow_image: str = ""
    """The scorer with TensorFlow and scikit-learn; an installation may have none."""
    azure_image: str = ""
    """What calls Azure, in Jobs of the users' namespaces; an installation may have none."""
    unresolved_images: tuple[str, ...] = ()
    """Patterns of host/repository whose tags no registry is asked for: the nodes know."""
    kubelet_client_id: str = ""
    """As whom nodes log in at Azure, where they have several identities."""
    watch_nodes: bool = False
    """Whether Nodes may be read: a namespaced installation may not."""
    presets: Mapping[str, Preset] = field(default_factory=dict)
    """What `placement.preset` may name."""
