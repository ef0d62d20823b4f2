"""What a scoring Pod is told beside its model: in whose words, whose code, which pictures, what is
kept.

Only what differs from the scorer's own defaults is said.
"""

from __future__ import annotations

from typing import Any, Final

from comal_operator.api.data_collection import DataCollection
from comal_operator.api.meta import ApiType
from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.api.predictor import Predictor
from comal_operator.api.predictor_input import Pictures, Script
from comal_operator.core.durations import parse_duration
from comal_operator.core.plan import Manifest
from comal_operator.core.serving.pod_limits import pod_limits
from comal_operator.core.serving.spans import Destination, destination_of
from comal_scorer import contract

_SCRIPT_FILE: Final = "score.py"
_SCRIPT: Final = "script"
_COLLECTED: Final = "collected"


def pod_environment(mdep: Manifest, spec: ModelDeploymentSpec) -> dict[str, str]:
    """Return the scorer's environment beside who it is."""
    predictor = spec.predictor
    found = {**pod_limits(spec.limits), **_patience(predictor)}
    if predictor.contract is not None:
        found[contract.CONTRACT_ENV] = predictor.contract
    if _is_set(predictor, "mode"):
        found[contract.MODE_ENV] = predictor.mode
    found |= _pictures(predictor.pictures)
    if predictor.script is not None:
        found |= _script(predictor.script)
    if spec.data_collection is not None:
        found |= _collection(mdep, spec.data_collection)
    destination = destination_of(mdep, spec.telemetry)
    if destination is not None:
        found |= _traces(mdep, destination)
    own = {one.name for one in predictor.env}
    return {name: value for name, value in found.items() if name not in own}


def pod_files(spec: ModelDeploymentSpec) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the volumes of a scoring Pod beside its model, and where its container finds them."""
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    script, collection = spec.predictor.script, spec.data_collection
    if script is not None and script.config_map is not None:
        # Optional: without it the scorer says within a second what is missing, and the kubelet
        # only waits.
        source = {"name": script.config_map, "optional": True}
        volumes.append({"name": _SCRIPT, "configMap": source})
        mounts.append({"name": _SCRIPT, "mountPath": contract.SCRIPT_DIR, "readOnly": True})
    if collection is not None:
        claim = {"claimName": collection.sink.volume.claim_name}
        volumes.append({"name": _COLLECTED, "persistentVolumeClaim": claim})
        mounts.append({"name": _COLLECTED, "mountPath": contract.COLLECT_DIR})
    return volumes, mounts


def beyond_predictor(spec: ModelDeploymentSpec) -> list[dict[str, Any]]:
    """Return what Pods are told by the rest of the spec; nothing where defaults do.

    It is part of the revision, as the predictor is.
    """
    told: dict[str, Any] = {**pod_limits(spec.limits), **_patience(spec.predictor)}
    if spec.data_collection is not None:
        told["dataCollection"] = spec.data_collection.model_dump(
            mode="json", by_alias=True, exclude_defaults=True
        )
    if spec.telemetry is not None:
        told["telemetry"] = spec.telemetry.model_dump(
            mode="json",
            by_alias=True,
            exclude_defaults=True,
            # Of these the Pod that passes spans on is told, and no other.
            exclude={"azure_monitor": {"connection_string", "proxy", "ca_bundle"}},
        )
    return [told] if told else []


def _patience(predictor: Predictor) -> dict[str, str]:
    seconds = parse_duration(predictor.startup_timeout).total_seconds()
    if seconds <= contract.DEFAULT_LOAD_SECONDS:
        return {}
    return {contract.LOAD_SECONDS_ENV: f"{seconds:g}"}


def _pictures(pictures: Pictures) -> dict[str, str]:
    told = {
        "urls": (contract.IMAGE_URLS_ENV, " ".join(pictures.urls)),
        "networks": (contract.IMAGE_NETWORKS_ENV, " ".join(pictures.networks)),
        "timeout": (contract.IMAGE_SECONDS_ENV, _seconds(pictures.timeout)),
        "max_pixels": (contract.MAX_IMAGE_PIXELS_ENV, str(pictures.max_pixels)),
    }
    return {name: value for field, (name, value) in told.items() if _is_set(pictures, field)}


def _script(script: Script) -> dict[str, str]:
    where = contract.SCRIPT_OF_MODEL
    if script.config_map is not None:
        where = f"{contract.SCRIPT_DIR}/{script.file or _SCRIPT_FILE}"
    found = {contract.SCRIPT_ENV: where}
    if _is_set(script, "timeout"):
        found[contract.SCRIPT_SECONDS_ENV] = _seconds(script.timeout)
    return found


def _collection(mdep: Manifest, collection: DataCollection) -> dict[str, str]:
    sides = {"inputs": collection.inputs, "predictions": collection.predictions}
    found = {
        contract.COLLECT_DIR_ENV: contract.COLLECT_DIR,
        contract.COLLECT_ENV: ",".join(side for side, kept in sides.items() if kept),
        contract.WORKSPACE_ENV: mdep["metadata"]["namespace"],
        contract.SERVICE_ENV: mdep["metadata"]["name"],
    }
    if _is_set(collection, "sample"):
        found[contract.COLLECT_SAMPLE_ENV] = collection.sample
    return found


def _traces(mdep: Manifest, destination: Destination) -> dict[str, str]:
    """Return OpenTelemetry's variables; of these a variable of predictor.env may be another."""
    meta = mdep["metadata"]
    return {
        contract.TRACES_ENDPOINT_ENV: destination.endpoint,
        contract.TRACES_SAMPLER_ENV: contract.RATIO_OF_PARENT,
        contract.TRACES_SHARE_ENV: destination.sample,
        contract.TRACES_SERVICE_ENV: f"{meta['name']}-scorer",
        contract.TRACES_RESOURCE_ENV: f"service.namespace={meta['namespace']}",
    }


def _is_set(value: ApiType, field: str) -> bool:
    return bool(getattr(value, field) != type(value).model_fields[field].default)


def _seconds(duration: str) -> str:
    return f"{parse_duration(duration).total_seconds():g}"
