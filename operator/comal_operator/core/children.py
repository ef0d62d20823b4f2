"""What all children share: whose they are, how their Pods are confined, whether they drifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from comal_operator.core.plan import Manifest, Seen

NONROOT_UID = 65532

_SUFFIXES = {
    "m": Decimal("0.001"),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
}


def owner_reference(owner: Manifest) -> dict[str, Any]:
    """Return the controller reference that makes `owner` take its child with it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def child_metadata(owner: Manifest, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of a child of `owner`; nothing of the owner's own labels is copied."""
    return {
        "name": name,
        "namespace": owner["metadata"]["namespace"],
        "labels": dict(labels),
        "ownerReferences": [owner_reference(owner)],
    }


def is_ours(child: Manifest, owner: Manifest) -> bool:
    """Return whether `child` is controlled by exactly this `owner` (by uid, not by name)."""
    references: Sequence[Mapping[str, Any]] = child["metadata"].get("ownerReferences") or ()
    return any(r.get("controller") and r.get("uid") == owner["metadata"]["uid"] for r in references)


def pods_with(labels: Mapping[str, str], seen: Seen) -> list[Manifest]:
    """Return the Pods with these labels that nobody has deleted, by name."""
    marks = labels.items()
    found = [
        pod
        for pod in seen.all("Pod")
        if marks <= (pod["metadata"].get("labels") or {}).items()
        and "deletionTimestamp" not in pod["metadata"]
    ]
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def pod_security() -> dict[str, Any]:
    """Return a Pod security context that the `restricted` standard accepts."""
    return {
        "runAsNonRoot": True,
        "runAsUser": NONROOT_UID,
        "runAsGroup": NONROOT_UID,
        "fsGroup": NONROOT_UID,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """Return a container security context that the `restricted` standard accepts."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


def differs(desired: Any, live: Any) -> bool:
    """Return whether `live` lacks anything that `desired` says.

    What the API server added (defaults, status) does not count; quantities compare by value,
    because the server rewrites `1000m` as `1`.
    """
    if isinstance(desired, Mapping):
        if not isinstance(live, Mapping):
            return bool(desired)
        return any(differs(value, live.get(key)) for key, value in desired.items())
    if isinstance(desired, (list, tuple)):
        if not isinstance(live, (list, tuple)):
            return bool(desired)
        if len(desired) != len(live):
            return True
        return any(differs(one, other) for one, other in zip(desired, live, strict=True))
    if desired == live or (desired in (None, "", 0, False) and live is None):
        return False
    return not _same_quantity(desired, live)


def _same_quantity(one: Any, other: Any) -> bool:
    left, right = quantity(one), quantity(other)
    return left is not None and left == right


def quantity(value: Any) -> Decimal | None:
    """Return the number that a Kubernetes quantity such as 500m or 2Gi is; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value)
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if text.endswith(suffix):
            number, factor = text[: -len(suffix)], _SUFFIXES[suffix]
            break
    else:
        number, factor = text, Decimal(1)
    try:
        return Decimal(number) * factor
    except InvalidOperation:
        return None
