"""Cache entries and reservations: ConfigMaps that runs of a namespace meet at.

An entry says where the outputs of a step lie that has succeeded; it has no owner. A reservation
says that a run is at it; it goes with its run. Both are created, never changed: of two runs that
come at the same time the API server lets one have the name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from comal_operator.core.children import child_metadata
from comal_operator.core.conditions import parse_timestamp, timestamp
from comal_operator.core.durations import parse_duration
from comal_operator.core.names import LABEL_CACHE_KEY, LABEL_STEP
from comal_operator.core.plan import Delete, Manifest, Named, Ref, Seen
from comal_operator.core.training.objects import run_labels
from comal_trainer.contract.outputs import Output

ENTRY = "cache-entry"
RESERVATION = "cache-reservation"
_COMPONENT = "app.kubernetes.io/component"
_KEY_IN_NAMES = 32
# An ownerReference of the claim, beside that of its run: it stays until both are gone.
OWNER_KIND = "ConfigMap"


@dataclass(frozen=True)
class Entry:
    """Where the outputs of a step lie, and what they must turn out to be."""

    name: str
    uid: str
    run: str
    run_uid: str
    step: str
    claim: str
    created: datetime
    outputs: tuple[tuple[str, str], ...]
    """Paths in the claim with their digests."""

    def is_older(self, max_age: str | None, now: datetime) -> bool:
        """Return whether it is too old for a step with this `cache.maxAge`."""
        return max_age is not None and now - self.created > parse_duration(max_age)


def entry_name(key: str) -> str:
    """Return the name of the entry under `key`."""
    return f"comal-cache-{key[:_KEY_IN_NAMES]}"


def reservation_name(key: str) -> str:
    """Return the name of the reservation of `key`."""
    return f"{entry_name(key)}-reserved"


def asked(key: str) -> tuple[Named, Named]:
    """Return what must be known of `key`: both may be another run's, which no look shows."""
    return Named("ConfigMap", entry_name(key)), Named("ConfigMap", reservation_name(key))


def find(seen: Seen, name: str) -> Manifest | None:
    """Return the ConfigMap of that name, this run's or another's."""
    return seen.get("ConfigMap", name) or seen.answers.get(Named("ConfigMap", name)) or None


def read_entry(manifest: Manifest | None, key: str) -> Entry | None:
    """Return the entry, or None for what is none, such as a stranger's ConfigMap."""
    if manifest is None or manifest["metadata"].get("deletionTimestamp"):
        return None
    data, meta = manifest.get("data") or {}, manifest["metadata"]
    try:
        if data["key"] != key or meta["labels"][_COMPONENT] != ENTRY:
            return None
        outputs = tuple((one["path"], one["digest"]) for one in json.loads(data["outputs"]))
        return Entry(
            meta["name"],
            meta["uid"],
            data["run"],
            data["uid"],
            data["step"],
            data["claim"],
            parse_timestamp(data["created"]),
            outputs,
        )
    except (KeyError, TypeError, ValueError):
        return None


def entry_manifest(
    run: Manifest,
    step: str,
    key: str,
    *,
    claim: str,
    outputs: list[tuple[str, Output]],
    now: datetime,
) -> Manifest:
    """Return the entry of a step of `run` that has succeeded."""
    listed = [
        {"path": path, "digest": one.digest, "size": one.size, "files": one.files}
        for path, one in outputs
    ]
    meta = _metadata(run, step, key, entry_name(key), ENTRY)
    del meta["ownerReferences"]
    data = {
        "claim": claim,
        "created": timestamp(now),
        "outputs": json.dumps(listed, indent=1),
    }
    return _config_map(meta, {**_whose(run, step, key), **data})


def reservation_manifest(run: Manifest, step: str, key: str) -> Manifest:
    """Return the reservation of `run` for one of its steps."""
    meta = _metadata(run, step, key, reservation_name(key), RESERVATION)
    return _config_map(meta, _whose(run, step, key))


def reserved_by(manifest: Manifest | None) -> tuple[str, str]:
    """Return name and uid of the run that holds a reservation; empty where there is none."""
    data = (manifest or {}).get("data") or {}
    return str(data.get("run", "")), str(data.get("uid", ""))


def is_reservation(manifest: Manifest, run: Manifest) -> bool:
    """Return whether `manifest` is a reservation of exactly this run."""
    labels = manifest["metadata"].get("labels") or {}
    mine = reserved_by(manifest)[1] == run["metadata"]["uid"]
    return mine and labels.get(_COMPONENT) == RESERVATION


def is_kept(claim: Manifest, _: Seen) -> bool:
    """Return whether an entry still needs the claim; TTLs ask this."""
    owners = claim["metadata"].get("ownerReferences") or ()
    return any(owner.get("kind") == OWNER_KIND for owner in owners)


def owner_of_claim(entry: Manifest) -> dict[str, Any]:
    """Return the reference that keeps a claim as long as `entry` is there."""
    meta = entry["metadata"]
    return {"apiVersion": "v1", "kind": OWNER_KIND, "name": meta["name"], "uid": meta["uid"]}


def delete_config_map(manifest: Manifest) -> Delete:
    """Return the deletion of exactly this entry or reservation."""
    meta = manifest["metadata"]
    return Delete(Ref("v1", "ConfigMap", meta["namespace"], meta["name"]), meta["uid"])


def _metadata(run: Manifest, step: str, key: str, name: str, component: str) -> dict[str, Any]:
    more = {LABEL_STEP: step, LABEL_CACHE_KEY: key[:_KEY_IN_NAMES]}
    return child_metadata(run, name, run_labels(run, component, **more))


def _whose(run: Manifest, step: str, key: str) -> dict[str, str]:
    meta = run["metadata"]
    return {"key": key, "run": meta["name"], "uid": meta["uid"], "step": step}


def _config_map(metadata: dict[str, Any], data: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": True,
        "data": data,
    }
