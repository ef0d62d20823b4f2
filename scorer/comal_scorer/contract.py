"""What a scoring Pod and whoever renders it agree on: arguments, environment, paths, answers.

The operator imports this module to build Pods, so it needs the standard library alone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

# --- entry points: `python -m comal_scorer <command>` -------------------------------------------

FETCH_COMMAND: Final = "fetch"
SERVE_COMMAND: Final = "serve"

# --- environment of `serve` ---------------------------------------------------------------------

MODEL_DIR_ENV: Final = "COMAL_MODEL_DIR"
MODEL_DIGEST_ENV: Final = "COMAL_MODEL_DIGEST"
MODEL_NAME_ENV: Final = "COMAL_MODEL_NAME"
MODEL_VERSION_ENV: Final = "COMAL_MODEL_VERSION"
REVISION_ENV: Final = "COMAL_REVISION"

# The rest is optional; every one has a default below.
PORT_ENV: Final = "COMAL_PORT"
# Where the measurements are told and nothing else; without it only beside /score.
METRICS_PORT_ENV: Final = "COMAL_METRICS_PORT"
THREADS_ENV: Final = "COMAL_THREADS"
WORKERS_ENV: Final = "COMAL_WORKERS"
DRAIN_SECONDS_ENV: Final = "COMAL_DRAIN_SECONDS"
REQUEST_LOG_ENV: Final = "COMAL_REQUEST_LOG"
MAX_BODY_BYTES_ENV: Final = "COMAL_MAX_BODY_BYTES"
MAX_IMAGE_PIXELS_ENV: Final = "COMAL_MAX_IMAGE_PIXELS"
MAX_IN_FLIGHT_ENV: Final = "COMAL_MAX_IN_FLIGHT"
# With COMAL_MAX_IN_FLIGHT: whoever is beyond it waits so many seconds before being refused.
QUEUE_SECONDS_ENV: Final = "COMAL_QUEUE_SECONDS"
# `off` predicts row by row even where a measurement at start says that batches are quicker.
BATCHING_ENV: Final = "COMAL_BATCHING"
LOAD_SECONDS_ENV: Final = "COMAL_LOAD_SECONDS"
# From where callers may have pictures fetched: hosts (`photos.example.com`, `*.example.com`) and
# URL prefixes, separated by spaces. Without it no URL is followed.
IMAGE_URLS_ENV: Final = "COMAL_IMAGE_URLS"
# Networks in CIDR notation that those URLs may lead to although they are not public.
IMAGE_NETWORKS_ENV: Final = "COMAL_IMAGE_NETWORKS"
IMAGE_SECONDS_ENV: Final = "COMAL_IMAGE_SECONDS"
# How requests are refused: `strict` with true status codes, `aml-v1` as Azure ML's server does.
MODE_ENV: Final = "COMAL_MODE"
# How callers ask at /score, when not as the model's card says.
CONTRACT_ENV: Final = "COMAL_CONTRACT"

# A script with init() and run(): `model` runs the one that the model's card names, a path one that
# the deployment mounts. Without it nothing that a model brings is ever executed.
SCRIPT_ENV: Final = "COMAL_SCRIPT"
SCRIPT_SECONDS_ENV: Final = "COMAL_SCRIPT_SECONDS"
# Data collection: on when a folder (a volume) is named. What of `inputs` and `predictions`, which
# share of requests (0 to 1), and what the dated path says beside model and version.
COLLECT_DIR_ENV: Final = "COMAL_COLLECT_DIR"
COLLECT_ENV: Final = "COMAL_COLLECT"
COLLECT_SAMPLE_ENV: Final = "COMAL_COLLECT_SAMPLE"
WORKSPACE_ENV: Final = "COMAL_WORKSPACE"
SERVICE_ENV: Final = "COMAL_SERVICE"

# OpenTelemetry's own variables, so that any image that knows them makes spans too: a collector's
# address (http://host:4318), the share of requests without a trace that begin one, and who it is.
# Without the address no spans are made.
TRACES_ENDPOINT_ENV: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_SAMPLER_ENV: Final = "OTEL_TRACES_SAMPLER"
TRACES_SHARE_ENV: Final = "OTEL_TRACES_SAMPLER_ARG"
TRACES_SERVICE_ENV: Final = "OTEL_SERVICE_NAME"
TRACES_RESOURCE_ENV: Final = "OTEL_RESOURCE_ATTRIBUTES"
RATIO_OF_PARENT: Final = "parentbased_traceidratio"

DEFAULT_MODEL_DIR: Final = "/models"
DEFAULT_PORT: Final = 8080
# What Pods are told in COMAL_METRICS_PORT, by whatever image.
METRICS_PORT: Final = 8081
# Longer than a router needs to notice that /readyz says 503; the Pod's
# terminationGracePeriodSeconds must be larger than this.
DEFAULT_DRAIN_SECONDS: Final = 5.0
DEFAULT_MAX_BODY_BYTES: Final = 4 * 1024 * 1024
DEFAULT_MAX_IMAGE_PIXELS: Final = 20_000_000
# Without COMAL_MAX_IN_FLIGHT the queue is as long as the work of this many seconds, by the forward
# pass measured at start: whoever would wait longer is told so at once (503, Retry-After).
DEFAULT_QUEUE_SECONDS: Final = 2.0
DEFAULT_IMAGE_SECONDS: Final = 5.0
DEFAULT_SCRIPT_SECONDS: Final = 60.0
DEFAULT_LOAD_SECONDS: Final = 600.0
SCRIPT_OF_MODEL: Final = "model"
# Where a Pod finds the deployment's script, and the volume for what is collected.
SCRIPT_DIR: Final = "/etc/comal/script"
COLLECT_DIR: Final = "/var/comal/collected"


# Formats of model versions that only the second image can serve: it has TensorFlow, scikit-learn
# and what scripts usually import.
SECOND_IMAGE_FORMATS: Final = frozenset({"tensorflow", "skops", "script"})


class Mode(StrEnum):
    """In whose words requests are refused."""

    STRICT = "strict"
    AML_V1 = "aml-v1"


# --- HTTP ---------------------------------------------------------------------------------------

SCORE_PATH: Final = "/score"
HEALTH_PATH: Final = "/"
LIVE_PATH: Final = "/livez"
READY_PATH: Final = "/readyz"
METRICS_PATH: Final = "/metrics"
SWAGGER_PATH: Final = "/swagger.json"
OPENAPI_PATH: Final = "/openapi.json"

HEALTHY_BODY: Final = "Healthy"

REQUEST_ID_HEADER: Final = "x-request-id"
TRACE_HEADER: Final = "traceparent"
MODEL_VERSION_HEADER: Final = "x-comal-model-version"
REVISION_HEADER: Final = "x-comal-revision"
# Set by routers alone. On a request of which they send a copy, and on the copy: what is the same
# for both and for no other request. Answers to such requests are kept for a moment.
PAIR_HEADER: Final = "x-comal-pair"
# On the copy: how many percent of the requests are copied.
MIRROR_HEADER: Final = "x-comal-mirror"
# Kept answers are shown to who sends this header; routers take it from callers.
ANSWERS_PATH: Final = "/comal/answers"
ANSWERS_HEADER: Final = "x-comal-answers"

# --- the artifact, as `register` writes it ------------------------------------------------------

MANIFEST_MEDIA_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT_TYPE: Final = "application/vnd.comal.model.v1"
CONFIG_MEDIA_TYPE: Final = "application/vnd.comal.model.config.v1+json"
FILE_MEDIA_TYPE: Final = "application/vnd.comal.model.file.v1"
TITLE_ANNOTATION: Final = "org.opencontainers.image.title"

# What `fetch` leaves under its target folder beside the artifact's own files. No file of an
# artifact may take these names.
MANIFEST_FILE: Final = "manifest.json"
CONFIG_FILE: Final = "config.json"

# --- how a container ends -----------------------------------------------------------------------

TERMINATION_LOG: Final = "/dev/termination-log"
TERMINATION_LOG_ENV: Final = "COMAL_TERMINATION_LOG"


class TerminationReason(StrEnum):
    """Why `fetch` or `serve` gave up: `reason` in the JSON termination message.

    The message is one object, `{"reason": …, "message": …}`, and the exit code is 1.
    """

    DIGEST_MISMATCH = "DigestMismatch"
    ARTIFACT_NOT_FOUND = "ArtifactNotFound"
    REGISTRY_UNREACHABLE = "RegistryUnreachable"
    ARTIFACT_INVALID = "ArtifactInvalid"
    STORAGE_FAILED = "StorageFailed"
    MODEL_INVALID = "ModelInvalid"
    SETTINGS_INVALID = "SettingsInvalid"


def fetch_arguments(*, url: str, repository: str, digest: str, target: str) -> tuple[str, ...]:
    """Return the container arguments that download one artifact into `target`."""
    return (
        FETCH_COMMAND,
        *("--url", url),
        *("--repository", repository),
        *("--digest", digest),
        *("--target", target),
    )


def serve_arguments() -> tuple[str, ...]:
    """Return the container arguments of the inference server; the rest is environment."""
    return (SERVE_COMMAND,)
