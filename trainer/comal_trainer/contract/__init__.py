"""What a training step and whoever starts it agree on: environment, files, exit codes, answers.

The operator imports this module to build Jobs and to read how they ended, so it needs the standard
library alone. docs/step-contract.md is the same agreement for steps in any language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final, Self

# --- environment of every step ------------------------------------------------------------------

RUN_ENV: Final = "COMAL_RUN"
RUN_UID_ENV: Final = "COMAL_RUN_UID"
NAMESPACE_ENV: Final = "COMAL_NAMESPACE"
STEP_ENV: Final = "COMAL_STEP"
ROLE_ENV: Final = "COMAL_ROLE"
EXPERIMENT_ENV: Final = "COMAL_EXPERIMENT"
SOURCE_REPOSITORY_ENV: Final = "COMAL_SOURCE_REPOSITORY"
SOURCE_REVISION_ENV: Final = "COMAL_SOURCE_REVISION"
BUILD_ID_ENV: Final = "COMAL_BUILD_ID"
BUILD_URI_ENV: Final = "COMAL_BUILD_URI"
WORKSPACE_ENV: Final = "COMAL_WORKSPACE"
PARAMETERS_FILE_ENV: Final = "COMAL_PARAMETERS_FILE"
METRICS_FILE_ENV: Final = "COMAL_METRICS_FILE"
MODEL_DIR_ENV: Final = "COMAL_MODEL_DIR"
PARAMETER_ENV_PREFIX: Final = "COMAL_PARAM_"
# Where the built-in jobs write their answer; only tests set it.
TERMINATION_LOG_ENV: Final = "COMAL_TERMINATION_LOG"

# --- files --------------------------------------------------------------------------------------

DEFAULT_WORKSPACE: Final = "/workspace"
DEFAULT_MODEL_PATH: Final = "model"
RUN_DIR: Final = "/comal/run"
PARAMETERS_FILE: Final = "/comal/run/parameters.json"
METRICS_FILE: Final = "metrics.json"
MODEL_FILE: Final = "model.yaml"
SAMPLES_FILE: Final = "samples.json"
PACKAGE_PATH: Final = ".comal/package"  # what `convert` writes and `register` pushes
SERVING_FILE: Final = "serving/model.onnx"
CREDENTIALS_DIR: Final = "/comal/registry"
USERNAME_FILE: Final = "username"
PASSWORD_FILE: Final = "password"  # noqa: S105 - the name of a file
TERMINATION_LOG: Final = "/dev/termination-log"

# --- bounds -------------------------------------------------------------------------------------

MAX_METRICS: Final = 64
MAX_METRICS_BYTES: Final = 64 * 1024
MAX_METRIC_NAME: Final = 63
# The kubelet cuts a termination message at 4096 bytes; a cut JSON text could not be read.
MAX_MESSAGE_BYTES: Final = 4000
MAX_ERROR_CHARACTERS: Final = 600

# --- the built-in jobs: `python -m comal_trainer <command>` -------------------------------------

COLLECT_COMMAND: Final = "collect"
CONVERT_COMMAND: Final = "convert"
REGISTER_COMMAND: Final = "register"

# --- the artifact, as `register` writes it and the scorer reads it ------------------------------

MANIFEST_MEDIA_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT_TYPE: Final = "application/vnd.comal.model.v1"
CONFIG_MEDIA_TYPE: Final = "application/vnd.comal.model.config.v1+json"
FILE_MEDIA_TYPE: Final = "application/vnd.comal.model.file.v1"
TITLE_ANNOTATION: Final = "org.opencontainers.image.title"


class ExitCode(IntEnum):
    """How a step ends. 64 and 65 are in the default `retry.fatalExitCodes`: no second attempt."""

    SUCCESS = 0
    USAGE = 64
    BAD_DATA = 65
    TRY_AGAIN = 75


class Reason(StrEnum):
    """Why a built-in job could not do its work, when a second attempt would not help."""

    METRICS_MISSING = "MetricsMissing"
    METRICS_INVALID = "MetricsInvalid"
    METRICS_TOO_LARGE = "MetricsTooLarge"
    MODEL_INVALID = "ModelInvalid"
    CONVERSION_FAILED = "ConversionFailed"
    PACKAGE_MISSING = "PackageMissing"
    REGISTRY_REFUSED = "RegistryRefused"


class ContractError(ValueError):
    """A termination message that is not what the contract says."""


def parameter_variable(name: str) -> str:
    """Return the environment variable of one parameter: `learning-rate` → the …_LEARNING_RATE."""
    return PARAMETER_ENV_PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())


def collect_arguments(baseline: Iterable[str] = (), since: str = "") -> tuple[str, ...]:
    """Return the container arguments of the job that reads the metrics.

    `baseline` names those that are wanted of the version that was measured again. Of the series,
    lines before `since` are those of an earlier run on the same volume.
    """
    own = (f"--since={since}",) if since else ()
    return (COLLECT_COMMAND, *own, *(f"--baseline-metric={name}" for name in baseline))


def convert_arguments() -> tuple[str, ...]:
    """Return the container arguments of the job that makes the package to register."""
    return (CONVERT_COMMAND,)


def register_arguments(
    *, url: str, repository: str, tag: str, key: str = "", sign: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the container arguments of the job that pushes the package.

    `sign` maps data and model to files of the workspace that are signed with `key`.
    """
    pairs = [f"--sign={of}={path}" for of, path in (sign or {}).items()]
    signing = [f"--key={key}".replace("$(", "$$("), *pairs] if pairs else []
    address = ("--url", url, "--repository", repository, "--tag", tag)
    return (REGISTER_COMMAND, *address, *signing)


# --- termination messages -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobError:
    """What a person has to put right, for one condition: a reason and one sentence."""

    reason: str
    message: str  # at most MAX_ERROR_CHARACTERS


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of a model. A dimension of -1 is free (the batch)."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs of a model, in order."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the converted model's answers lie from the original's on the sample inputs."""

    max_difference: str
    samples: int
    proved: bool


class _Message:
    """One compact JSON object in the termination log."""

    __slots__ = ()

    def encode(self) -> str:
        """Return the message as JSON; raise ContractError when it is over MAX_MESSAGE_BYTES."""
        text = json.dumps(_json_value(self), separators=(",", ":"), allow_nan=False)
        if len(text) > MAX_MESSAGE_BYTES:
            raise ContractError(f"message of {len(text)} bytes, at most {MAX_MESSAGE_BYTES}")
        return text

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the message that `text` holds; raise ContractError when it holds no such one."""
        try:
            return cls._read(json.loads(text))
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ContractError(f"termination message: {error!s:.200}") from error

    @classmethod
    def _read(cls, value: Any) -> Self:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Collected(_Message):
    """The answer of `collect`: metrics as decimal strings; not-a-number stays "NaN".

    `baseline` are those of the registered version that an Evaluate step measured on this run's
    data. `series` counts the lines of the packed series that stand at the end of the log.
    """

    metrics: Mapping[str, str] = field(default_factory=dict)
    error: JobError | None = None
    baseline: Mapping[str, str] = field(default_factory=dict)
    series: int = 0

    @classmethod
    def _read(cls, value: Any) -> Self:
        metrics = {name: _text(number) for name, number in value["metrics"].items()}
        baseline = {name: _text(number) for name, number in value.get("baseline", {}).items()}
        series = int(value.get("series", 0))
        return cls(
            metrics=metrics, error=_error(value.get("error")), baseline=baseline, series=series
        )


@dataclass(frozen=True, slots=True)
class Converted(_Message):
    """The answer of `convert`. Labels too many for a message are left out; model.yaml has all."""

    format: str = ""
    source_format: str = ""
    contract: str = ""
    parity: Parity | None = None
    signature: Signature | None = None
    labels: tuple[str, ...] = ()
    error: JobError | None = None

    @classmethod
    def _read(cls, value: Any) -> Self:
        parity, signature, error = value.get("parity"), value.get("signature"), value["error"]
        return cls(
            format=_text(value.get("format", "")),
            source_format=_text(value.get("sourceFormat", "")),
            contract=_text(value.get("contract", "")),
            parity=None if parity is None else _parity(parity),
            signature=None if signature is None else signature_from_json(signature),
            labels=tuple(_text(label) for label in value.get("labels", [])),
            error=_error(error),
        )


@dataclass(frozen=True, slots=True)
class FileSignature:
    """One signed file: its HMAC-SHA256 in upper-case hexadecimal, its sha256 in lower-case."""

    of: str  # data or model
    path: str
    hmac: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Registered(_Message):
    """The answer of `register`: the manifest's digest, the bytes and files behind it.

    With it comes what else of the workspace is to be kept with the version: the signatures that
    were asked for, and the packed statistics of the data.
    """

    digest: str = ""
    size: int = 0
    files: int = 0
    error: JobError | None = None
    signatures: tuple[FileSignature, ...] = ()
    statistics: str = ""

    @classmethod
    def _read(cls, value: Any) -> Self:
        error, digest = _error(value.get("error")), _text(value.get("digest", ""))
        if error is None and not _DIGEST.fullmatch(digest):
            raise ContractError(f"digest {digest[:80]!r} is not sha256:<64 hex digits>")
        size, files = _count(value.get("size", 0)), _count(value.get("files", 0))
        return cls(
            digest=digest,
            size=size,
            files=files,
            error=error,
            signatures=tuple(_file_signature(item) for item in value.get("signatures", [])),
            statistics=_text(value.get("statistics", "")),
        )


def signature_to_json(signature: Signature) -> dict[str, list[dict[str, Any]]]:
    """Return a signature as in model.yaml: {inputs: [{name, dtype, shape}], outputs: […]}."""
    value: dict[str, list[dict[str, Any]]] = _json_value(signature)
    return value


def signature_from_json(value: Any) -> Signature:
    """Return the signature of these JSON values; raise ContractError when they are none."""
    try:
        return Signature(
            inputs=tuple(_tensor(item) for item in value["inputs"]),
            outputs=tuple(_tensor(item) for item in value["outputs"]),
        )
    except (KeyError, TypeError) as error:
        raise ContractError(f"signature: {error!s:.200}") from error


_HMAC: Final = re.compile(r"[0-9A-F]{64}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_JSON_NAMES: Final = {"source_format": "sourceFormat", "max_difference": "maxDifference"}


def _json_value(value: Any) -> Any:
    if is_dataclass(value):
        return {
            _JSON_NAMES.get(f.name, f.name): _json_value(getattr(value, f.name))
            for f in fields(value)
        }
    if isinstance(value, tuple):
        return [_json_value(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _tensor(value: Any) -> Tensor:
    shape = tuple(_count(dimension, least=-1) for dimension in value["shape"])
    return Tensor(name=_text(value["name"]), dtype=_text(value["dtype"]), shape=shape)


def _parity(value: Any) -> Parity:
    return Parity(
        max_difference=_text(value["maxDifference"]),
        samples=_count(value["samples"]),
        proved=value["proved"] is True,
    )


def _file_signature(value: Any) -> FileSignature:
    found = FileSignature(*(_text(value[name]) for name in ("of", "path", "hmac", "sha256")))
    if not (_HMAC.fullmatch(found.hmac) and _DIGEST.fullmatch(f"sha256:{found.sha256}")):
        raise ContractError(f"signature of {found.path[:80]!r} is none")
    return found


def _error(value: Any) -> JobError | None:
    if value is None:
        return None
    return JobError(reason=_text(value["reason"]), message=_text(value["message"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ContractError(f"{value!r:.80} is not a string")
    return value


def _count(value: Any, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ContractError(f"{value!r:.80} is not a whole number of at least {least}")
    return value
