"""What we keep of an object: no bookkeeping of other people's fields, no Pod specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comal_operator.core.plan import Manifest
from comal_operator.core.training import evidence, series
from comal_operator.shell.nodes import NODE, slim_node

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def slim(body: Manifest) -> dict[str, Any]:
    """Return `body` without what no decision reads; the input is left as it is.

    Both the cache and live reads pass through here, so that a decision meets one shape only.
    """
    if body.get("kind") == NODE:
        return slim_node(body)
    slimmed = {**body, "metadata": _metadata(body.get("metadata") or {})}
    if body.get("kind") == "Pod":
        slimmed["spec"] = _pod_spec(body.get("spec") or {})
    if body.get("kind") == "ConfigMap" and _component(body) in (
        evidence.COMPONENT,
        series.COMPONENT,
    ):
        # Kept logs and series are for people; 16 KiB of each would fill the cache.
        slimmed.pop("data", None)
        slimmed.pop("binaryData", None)
    return slimmed


def _component(body: Manifest) -> str | None:
    labels = (body.get("metadata") or {}).get("labels") or {}
    found: str | None = labels.get("app.kubernetes.io/component")
    return found


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    annotations = kept.get("annotations")
    if annotations and _LAST_APPLIED in annotations:
        kept["annotations"] = {k: v for k, v in annotations.items() if k != _LAST_APPLIED}
    return kept


def _pod_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: spec[key] for key in ("nodeName",) if key in spec}
    for group in ("initContainers", "containers"):
        if group in spec:
            kept[group] = [
                {"name": one.get("name"), "image": one.get("image")} for one in spec[group]
            ]
    # Who mounts the registry's password is asked of Pods.
    kept["volumes"] = [volume for volume in spec.get("volumes") or () if "secret" in volume]
    return kept
