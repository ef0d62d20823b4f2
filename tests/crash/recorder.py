"""What happened in one namespace, and how it stands: two runs that did the same look the same."""

from __future__ import annotations

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from comal_operator.core.serving.router import CONFIG_ANNOTATION
from crash.cluster import Mirror
from crash.standin import azure
from crash.standin.jobs import step_of

Snapshot = Mapping[str, Any]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_CLUSTER_IP = re.compile(r"\b10\.96\.\d+\.\d+\b")
# A router's endpoint file: its shares, then a hash over the addresses in it.
_SHARES = re.compile(r"(=\d+) #[0-9a-f]{8}")
# How many Pods a Deployment had at the moment when a condition was written.
_PODS = re.compile(r"\b\d+ of \d+ Pods\b")
_HASH = re.compile(r"-([0-9a-f]{8})(?=-|$)")
# A key that only Secrets have whose values are drawn by lot.
_RANDOM = frozenset({"htpasswd", "primary"})
_OWN = ("resourceVersion", "creationTimestamp", "managedFields", "generation")


class Recorder:
    """Listens from the first event on."""

    def __init__(self, mirror: Mirror, namespace: str) -> None:
        self._mirror = mirror
        self._namespace = namespace
        self._uids: dict[str, str] = {}
        self._hashes: dict[str, str] = {}
        self._last = time.monotonic()
        self._jobs: Counter[tuple[str, str]] = Counter()
        self.registrations: Counter[str] = Counter()
        """How many ModelVersions were ever made, by run."""
        self.calls: Counter[str] = Counter()
        """How many Jobs were ever made that call Azure, by what they ask."""
        self._unlisten = mirror.listen(namespace, self._hear)

    def close(self) -> None:
        """Stop listening."""
        self._unlisten()

    def quiet_for(self) -> float:
        """Return the seconds since anything changed."""
        return time.monotonic() - self._last

    def jobs(self) -> dict[str, int]:
        """Return how many Jobs were ever made for the runs that are there, by run and step."""
        runs = {
            body["metadata"]["uid"]: body["metadata"]["name"]
            for body in self._mirror.all(self._namespace, "TrainingRun")
        }
        found: Counter[str] = Counter()
        for (uid, step), count in sorted(self._jobs.items()):
            if uid in runs:
                # What is sealed or restored has a hash in its name.
                found[f"{runs[uid]}/{self._plain(step)}"] += count
        return dict(found)

    def snapshot(self) -> Snapshot:
        """Return all that is there, without what differs between two equal runs."""
        return {
            self._plain(f"{body['kind']}/{body['metadata']['name']}"): self._plain(_trimmed(body))
            for body in self._mirror.all(self._namespace)
        }

    def _hear(self, event: Mapping[str, Any]) -> None:
        self._last = time.monotonic()
        body = event["object"]
        meta = body["metadata"]
        # Its hash is over addresses too, which the API server chose.
        if config := (meta.get("annotations") or {}).get(CONFIG_ANNOTATION):
            self._hashes[config.partition(" ")[0]] = "<config>"
        if event["type"] != "ADDED" or meta["uid"] in self._uids:
            return
        name = f"{body['kind']} {meta['name']}"
        self._uids[meta["uid"]] = f"<uid of {name}>"
        for owner in meta.get("ownerReferences") or ():
            # Children of a run are told apart from those of an earlier one by a hash of its uid,
            # Jobs that try a candidate by a hash of the moment when it became one.
            if owner["kind"] == "TrainingRun" or body["kind"] == "Job":
                self._hashes |= dict.fromkeys(_HASH.findall(meta["name"]), "<hash>")
        if body["kind"] == "Secret":
            self._hashes |= dict.fromkeys(_HASH.findall(meta["name"]), "<hash>")
        if body["kind"] == "Job":
            owners = meta.get("ownerReferences") or [{"uid": ""}]
            self._jobs[owners[0]["uid"], step_of(body)] += 1
            if step_of(body) == azure.COMPONENT:
                self.calls[azure.call_of(body)[0]] += 1
        if body["kind"] == "ModelVersion":
            self.registrations[self._uids.get(body["spec"]["lineage"]["run"]["uid"], "?")] += 1

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {self._plain(key): self._plain(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._plain(one) for one in value]
        if not isinstance(value, str):
            return value
        text = _CLUSTER_IP.sub("<ip>", _TIME.sub("<time>", value))
        text = _PODS.sub("<some> Pods", _SHARES.sub(r"\1 #<config>", text))
        # The names of uids hold hashes themselves: those come second.
        for found, name in (*self._uids.items(), *self._hashes.items()):
            text = text.replace(found, name)
        return text.replace(self._namespace, "<namespace>")


def _trimmed(body: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(body)
    kept["metadata"] = {k: v for k, v in body["metadata"].items() if k not in _OWN}
    if body["kind"] == "Secret":
        # Logins and keys of callers are random; that all of them are there is what counts.
        is_random = not _RANDOM.isdisjoint(body["data"])
        kept["data"] = sorted(body["data"]) if is_random else _decoded(body["data"])
    if body["kind"] == "Service":
        kept["spec"] = {k: v for k, v in body["spec"].items() if not k.startswith("clusterIP")}
    if body["kind"] == "Deployment":
        kept["status"] = {k: v for k, v in body["status"].items() if k != "observedGeneration"}
    if body["kind"] == "Job":
        # The API server writes the Job's uid into its selector and its Pods' labels.
        kept["spec"] = {k: v for k, v in body["spec"].items() if k != "selector"}
    return kept


def _decoded(data: Mapping[str, str]) -> dict[str, Any]:
    return {name: json.loads(base64.b64decode(text)) for name, text in data.items()}


def differences(one: Snapshot, other: Snapshot) -> list[str]:
    """Return the places where two snapshots differ."""
    found: list[str] = []
    _compare("", one, other, found)
    return found


def _compare(path: str, one: Any, other: Any, found: list[str]) -> None:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}, key=str):
            if key not in one or key not in other:
                found.append(f"{path}.{key} is {'new' if key in other else 'missing'}")
            else:
                _compare(f"{path}.{key}", one[key], other[key], found)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            _compare(f"{path}[{index}]", left, right, found)
    elif one != other:
        found.append(f"{path}: {str(one)[:100]!r} became {str(other)[:100]!r}")
