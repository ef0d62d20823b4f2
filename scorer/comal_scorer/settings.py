"""The server's settings, read once from the environment and refused in one sentence each."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from comal_scorer import contract
from comal_scorer.contract import TerminationReason
from comal_scorer.failure import TerminationError
from comal_scorer.limits.image_urls import ImageUrls, read_entry

# These values travel in response headers and metric labels.
_LABEL = re.compile(r"[A-Za-z0-9._:/+-]{0,253}")

_NO_URLS = ImageUrls()
# How a model can be asked.
CONTRACTS = ("data-matrix", "input-data", "ints-list", "base64-image", "image-url")


@dataclass(frozen=True, slots=True)
class Collection:
    """What of the traffic is kept: in which folder, which sides, which share (0 to 1)."""

    folder: Path
    inputs: bool
    predictions: bool
    share: float
    workspace: str
    service: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `serve` may be told; sizes in bytes, times in seconds.

    `threads`, `workers` and `max_in_flight` are None where machine and measured model decide,
    `metrics_port` where measurements have no port of their own.
    """

    model_dir: Path
    model_digest: str
    model_name: str
    model_version: str
    revision: str
    host: str = "0.0.0.0"  # noqa: S104 - a Pod has its own address
    port: int = contract.DEFAULT_PORT
    metrics_port: int | None = None
    threads: int | None = None
    workers: int | None = None
    drain_seconds: float = contract.DEFAULT_DRAIN_SECONDS
    request_log: bool = True
    max_body_bytes: int = contract.DEFAULT_MAX_BODY_BYTES
    max_image_pixels: int = contract.DEFAULT_MAX_IMAGE_PIXELS
    max_in_flight: int | None = None
    queue_seconds: float = 0
    batching: bool = True
    load_seconds: float = contract.DEFAULT_LOAD_SECONDS
    image_urls: ImageUrls = _NO_URLS
    image_seconds: float = contract.DEFAULT_IMAGE_SECONDS
    mode: contract.Mode = contract.Mode.STRICT
    collection: Collection | None = None
    script: str = ""
    script_seconds: float = contract.DEFAULT_SCRIPT_SECONDS
    contract: str = ""
    traced: bool = False


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; raises `TerminationError` (SettingsInvalid) naming the variable."""
    digest = environment.get(contract.MODEL_DIGEST_ENV, "")
    if not digest:
        raise _invalid(contract.MODEL_DIGEST_ENV, digest, "the digest of the model's manifest")
    port = _whole(environment, contract.PORT_ENV, contract.DEFAULT_PORT, 1, 65535)
    return Settings(
        model_dir=Path(environment.get(contract.MODEL_DIR_ENV, contract.DEFAULT_MODEL_DIR)),
        model_digest=digest,
        model_name=_label(environment, contract.MODEL_NAME_ENV),
        model_version=_label(environment, contract.MODEL_VERSION_ENV),
        revision=_label(environment, contract.REVISION_ENV),
        port=port,
        metrics_port=_metrics_port(environment, port),
        threads=_whole(environment, contract.THREADS_ENV, 0, 1, 1024) or None,
        workers=_whole(environment, contract.WORKERS_ENV, 0, 1, 256) or None,
        drain_seconds=_seconds(
            environment, contract.DRAIN_SECONDS_ENV, contract.DEFAULT_DRAIN_SECONDS
        ),
        request_log=_switch(environment, contract.REQUEST_LOG_ENV),
        max_body_bytes=_whole(
            environment, contract.MAX_BODY_BYTES_ENV, contract.DEFAULT_MAX_BODY_BYTES, 1, 2**30
        ),
        max_image_pixels=_whole(
            environment, contract.MAX_IMAGE_PIXELS_ENV, contract.DEFAULT_MAX_IMAGE_PIXELS, 1, 2**28
        ),
        max_in_flight=_whole(environment, contract.MAX_IN_FLIGHT_ENV, 0, 1, 100_000) or None,
        queue_seconds=_seconds(environment, contract.QUEUE_SECONDS_ENV, 0),
        batching=_switch(environment, contract.BATCHING_ENV),
        load_seconds=_seconds(
            environment, contract.LOAD_SECONDS_ENV, contract.DEFAULT_LOAD_SECONDS, most=86400
        ),
        image_urls=_image_urls(environment),
        image_seconds=_seconds(
            environment, contract.IMAGE_SECONDS_ENV, contract.DEFAULT_IMAGE_SECONDS
        ),
        mode=_mode(environment),
        collection=_collection(environment),
        script=_script(environment),
        script_seconds=_seconds(
            environment, contract.SCRIPT_SECONDS_ENV, contract.DEFAULT_SCRIPT_SECONDS
        ),
        contract=_contract(environment),
        traced=bool(environment.get(contract.TRACES_ENDPOINT_ENV)),
    )


def _label(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not _LABEL.fullmatch(value):
        raise _invalid(name, value, "letters, digits and . _ : / + - only")
    return value


def _whole(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = environment.get(name, "")
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise _invalid(name, value, f"a whole number from {low} to {high}")
    return int(value)


def _metrics_port(environment: Mapping[str, str], taken: int) -> int | None:
    port = _whole(environment, contract.METRICS_PORT_ENV, 0, 1, 65535)
    if port == taken:
        expected = f"another port than {contract.PORT_ENV}"
        raise _invalid(contract.METRICS_PORT_ENV, str(port), expected)
    return port or None


def _seconds(
    environment: Mapping[str, str], name: str, default: float, most: float = 3600
) -> float:
    value = environment.get(name, "")
    if not value:
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= most:
        raise _invalid(name, value, f"seconds from 0 to {most:g}")
    return seconds


def _switch(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name, "") or "on"
    if value not in {"on", "off"}:
        raise _invalid(name, value, "on or off")
    return value == "on"


def _mode(environment: Mapping[str, str]) -> contract.Mode:
    value = environment.get(contract.MODE_ENV, "") or contract.Mode.STRICT
    try:
        return contract.Mode(value)
    except ValueError:
        raise _invalid(contract.MODE_ENV, value, " or ".join(contract.Mode)) from None


def _script(environment: Mapping[str, str]) -> str:
    value = environment.get(contract.SCRIPT_ENV, "")
    if value and value != contract.SCRIPT_OF_MODEL and not Path(value).is_file():
        expected = "model, or the path of a script"
        if value.startswith(f"{contract.SCRIPT_DIR}/"):
            expected = "a key of this name in the ConfigMap of predictor.script, and the ConfigMap"
        raise _invalid(contract.SCRIPT_ENV, value, expected)
    return value


def _contract(environment: Mapping[str, str]) -> str:
    value = environment.get(contract.CONTRACT_ENV, "")
    if value and value not in CONTRACTS:
        raise _invalid(contract.CONTRACT_ENV, value, f"one of {', '.join(CONTRACTS)}")
    return value


def _collection(environment: Mapping[str, str]) -> Collection | None:
    folder = environment.get(contract.COLLECT_DIR_ENV, "")
    if not folder:
        return None
    listed = environment.get(contract.COLLECT_ENV, "") or "inputs,predictions"
    sides = set(listed.split(","))
    if not sides <= {"inputs", "predictions"}:
        raise _invalid(contract.COLLECT_ENV, listed, "inputs, predictions or inputs,predictions")
    text = environment.get(contract.COLLECT_SAMPLE_ENV, "") or "1"
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise _invalid(contract.COLLECT_SAMPLE_ENV, text, "a share from 0 to 1")
    return Collection(
        folder=Path(folder),
        inputs="inputs" in sides,
        predictions="predictions" in sides,
        share=share,
        workspace=_label(environment, contract.WORKSPACE_ENV),
        service=_label(environment, contract.SERVICE_ENV),
    )


def _image_urls(environment: Mapping[str, str]) -> ImageUrls:
    entries = []
    for text in environment.get(contract.IMAGE_URLS_ENV, "").split():
        entry = read_entry(text)
        if entry is None:
            expected = "a host or a URL prefix such as https://photos.example.com/animals/"
            raise _invalid(contract.IMAGE_URLS_ENV, text, expected)
        entries.append(entry)
    networks = []
    for text in environment.get(contract.IMAGE_NETWORKS_ENV, "").split():
        try:
            networks.append(ip_network(text))
        except ValueError:
            expected = "a network such as 10.0.0.0/8"
            raise _invalid(contract.IMAGE_NETWORKS_ENV, text, expected) from None
    return ImageUrls(tuple(entries), tuple(networks))


def _invalid(name: str, value: str, expected: str) -> TerminationError:
    message = f"{name}: {value[:80]!r}, expected {expected}"
    return TerminationError(TerminationReason.SETTINGS_INVALID, message)
