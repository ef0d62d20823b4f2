"""Every reason in a condition of a ModelDeployment.

What each means and what to do about it stands in docs/conditions.md.
"""

from __future__ import annotations

from enum import StrEnum


class ServingReason(StrEnum):
    """Why an endpoint is as it is; the reason of Ready is what the column STATE shows."""

    SERVING = "Serving"
    SUSPENDED = "Suspended"
    # On its way.
    DEPLOYING = "Deploying"
    PROGRESSING = "Progressing"
    BAKING = "Baking"
    PAUSED = "Paused"
    HELD = "Held"
    AWAITING_APPROVAL = "AwaitingApproval"
    AWAITING_TRAFFIC = "AwaitingTraffic"
    SMOKE_TESTING = "SmokeTesting"
    CHECKING = "Checking"
    SCALING = "Scaling"
    UNAVAILABLE = "Unavailable"
    # Only a person can help.
    ROLLED_BACK = "RolledBack"
    NOT_STARTING = "NotStarting"
    NAME_CONFLICT = "NameConflict"
    CHILD_REFUSED = "ChildRefused"


class RejectionReason(StrEnum):
    """Why a candidate was rolled back, beside the reasons with which its Pods ended."""

    STARTUP_TIMEOUT = "StartupTimeout"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    CANDIDATE_UNAVAILABLE = "CandidateUnavailable"
    ERROR_RATE = "ErrorRate"
    WORSE_THAN_STABLE = "WorseThanStable"
    LATENCY = "Latency"
    DIFFERENT_ANSWERS = "DifferentAnswers"
    INSUFFICIENT_TRAFFIC = "InsufficientTraffic"
    SMOKE_TEST_FAILED = "SmokeTestFailed"
    CHECK_FAILED = "CheckFailed"
    CHECK_ERROR = "CheckError"
    ABORTED = "Aborted"
    ROLLED_BACK_BY_REQUEST = "RolledBackByRequest"


class ResolutionReason(StrEnum):
    """Why ModelResolved is what it is."""

    RESOLVED = "Resolved"
    MODEL_NOT_FOUND = "ModelNotFound"
    ALIAS_NOT_FOUND = "AliasNotFound"
    DIGEST_MISMATCH = "DigestMismatch"
    TRAINING_RUN_NOT_FOUND = "TrainingRunNotFound"
    WAITING_FOR_TRAINING_RUN = "WaitingForTrainingRun"
    TRAINING_RUN_FAILED = "TrainingRunFailed"
    TRAINING_RUN_REJECTED = "TrainingRunRejected"
    OTHER_MODEL = "OtherModel"
    PROFILE_NOT_FOUND = "ProfileNotFound"
    IMPORTING = "Importing"
    RESOLVING_IMAGES = "ResolvingImages"
    IMAGE_NOT_FOUND = "ImageNotFound"
    IMAGE_PULL_DENIED = "ImagePullDenied"
    REGISTRY_NOT_FOUND = "RegistryNotFound"
    REGISTRY_NOT_READY = "RegistryNotReady"
    REGISTRY_WITHOUT_AZURE = "RegistryWithoutAzure"


class RouteReason(StrEnum):
    """Why RouteReady is what it is."""

    ACKNOWLEDGED = "Acknowledged"
    ROUTERS_NOT_READY = "RoutersNotReady"
    NOT_ACKNOWLEDGED = "NotAcknowledged"


class AvailableReason(StrEnum):
    """Why Available is what it is."""

    ANSWERING = "Answering"
    NO_ROUTER_READY = "NoRouterReady"
    NO_POD_READY = "NoPodReady"
    NOTHING_DEPLOYED = "NothingDeployed"
    NO_SERVICE = "NoService"
    SUSPENDED = "Suspended"


class AnalysisReason(StrEnum):
    """Why AnalysisHealthy is what it is; the reason of a rejection when it is False."""

    WATCHING = "Watching"
    HEALTHY = "Healthy"


class ScalingReason(StrEnum):
    """Why ScalingActive is what it is; the autoscaler's own reason when it is False."""

    SCALES = "Scales"
    WATCHING = "Watching"


class SpansReason(StrEnum):
    """Why SpansSent is what it is; what the Pod that passes them on tells when it is False."""

    SENDING = "Sending"
    STARTING = "Starting"


class UpdateReason(StrEnum):
    """Why UpdateAvailable is what it is."""

    NEWER_VERSION = "NewerVersion"
    UP_TO_DATE = "UpToDate"
