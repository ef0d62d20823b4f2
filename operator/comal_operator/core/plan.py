"""What a decision may ask for: writes, questions, and when to look again.

A plan is a value. The shell carries out its first action, puts the API's answer into what was
seen, and decides again; so a plan may list everything it would do, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

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


@dataclass(frozen=True)
class CreateCredentials:
    """POST a Secret with a new random login: keys username, password and htpasswd (bcrypt).

    `manifest` is the Secret without data. We can neither get nor list Secrets, so whether it was
    made now or was there already, the shell shows `manifest` in Seen for the rest of the pass.
    """

    manifest: Manifest


@dataclass(frozen=True)
class Apply:
    """Server-side apply, in order, under our field manager; for all that may be repeated."""

    manifests: tuple[Manifest, ...]


@dataclass(frozen=True)
class Delete:
    """Delete exactly this object: uid and resourceVersion are preconditions."""

    ref: Ref
    uid: str
    resource_version: str | None = None


@dataclass(frozen=True)
class WriteStatus:
    """Server-side apply of the whole status; resourceVersion makes a stale judgement fail."""

    ref: Ref
    resource_version: str
    status: Manifest


Action = Create | CreateCredentials | Apply | Delete | WriteStatus


@dataclass(frozen=True)
class LogTail:
    """Ask for the last lines of a container's log; answered by a string, empty if it is gone."""

    pod: str
    container: str
    lines: int = 20


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


Question = LogTail | EventsOf | RouterVersions


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
