"""Every reason in a condition of a TrainingRun, ModelRegistry or ModelVersion.

What each means and what to do about it stands in docs/conditions.md.
"""

from __future__ import annotations

from enum import StrEnum


class RunReason(StrEnum):
    """Why a TrainingRun is as it is; the reason of Ready is what the column STATE shows."""

    # On its way.
    RUNNING = "Running"
    RETRYING = "Retrying"
    RESOLVING_IMAGES = "ResolvingImages"
    FETCHING_DATA = "FetchingData"
    SWEEPING = "Sweeping"
    PROFILING = "Profiling"
    COLLECTING = "Collecting"
    CONVERTING = "Converting"
    REGISTERING = "Registering"
    # Waiting for something that comes by itself or from somebody else.
    WAITING_FOR_REGISTRY = "WaitingForRegistry"
    REGISTRY_NOT_FOUND = "RegistryNotFound"
    CLAIM_NOT_FOUND = "ClaimNotFound"
    WAITING_FOR_CACHE = "WaitingForCache"
    WAITING_IN_QUEUE = "WaitingInQueue"
    UNSCHEDULABLE = "Unschedulable"
    QUOTA_EXCEEDED = "QuotaExceeded"
    VOLUME_NOT_MOUNTED = "VolumeNotMounted"
    # Only a person can help; the run goes on by itself once that is done.
    IMAGE_NOT_FOUND = "ImageNotFound"
    IMAGE_PULL_DENIED = "ImagePullDenied"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CONTAINER_CONFIG_INVALID = "ContainerConfigInvalid"
    STORAGE_CLASS_NOT_FOUND = "StorageClassNotFound"
    POD_REFUSED = "PodRefused"
    PRESET_UNKNOWN = "PresetUnknown"
    CHILD_REFUSED = "ChildRefused"
    NAME_CONFLICT = "NameConflict"
    SPEC_INVALID = "SpecInvalid"
    DATA_UNAVAILABLE = "DataUnavailable"
    FETCH_DATA_JOB_FAILED = "FetchDataJobFailed"
    SUGGEST_JOB_FAILED = "SuggestJobFailed"
    COLLECT_JOB_FAILED = "CollectJobFailed"
    CONVERT_JOB_FAILED = "ConvertJobFailed"
    REGISTER_JOB_FAILED = "RegisterJobFailed"
    SEAL_JOB_FAILED = "SealJobFailed"
    RESTORE_JOB_FAILED = "RestoreJobFailed"
    KUEUE_MISSING = "KueueMissing"
    # At rest until the spec changes.
    SUSPENDED = "Suspended"
    # The end.
    COMPLETED = "Completed"
    REGISTERED = "Registered"
    REJECTED = "Rejected"
    STEP_FAILED = "StepFailed"
    OUTPUT_MISSING = "OutputMissing"
    CACHE_INVALID = "CacheInvalid"
    FATAL_EXIT_CODE = "FatalExitCode"
    PENDING_TIMEOUT = "PendingTimeout"
    RUNNING_TIMEOUT = "RunningTimeout"
    STEP_STALLED = "StepStalled"
    INTERRUPTIONS_EXHAUSTED = "InterruptionsExhausted"
    CANCELLED = "Cancelled"
    NO_TRIAL_SUCCEEDED = "NoTrialSucceeded"
    DATA_DIGEST_MISMATCH = "DataDigestMismatch"
    DATA_TOO_LARGE = "DataTooLarge"
    DATA_INVALID = "DataInvalid"
    DATA_UNREADABLE = "DataUnreadable"
    DATA_COLUMNS_MISSING = "DataColumnsMissing"
    DATA_NULLS = "DataNulls"
    DATA_DRIFT = "DataDrift"
    WORKSPACE_LOST = "WorkspaceLost"
    MODEL_INVALID = "ModelInvalid"
    CONVERSION_FAILED = "ConversionFailed"
    PACKAGE_MISSING = "PackageMissing"


class InterruptionReason(StrEnum):
    """Why an attempt ended that did nothing wrong; the other ends have a RunReason."""

    DISRUPTED = "Disrupted"
    NODE_LOST = "NodeLost"
    POD_DELETED = "PodDeleted"


class NoticeReason(StrEnum):
    """Why Notified is what it is."""

    WEBHOOK_NOT_TOLD = "WebhookNotTold"


class GateReason(StrEnum):
    """Why GatePassed is what it is."""

    FIRST_MODEL = "FirstModel"
    BETTER = "Better"
    NOT_BETTER = "NotBetter"
    THRESHOLD_MISSED = "ThresholdMissed"
    METRIC_MISSING = "MetricMissing"
    METRIC_NOT_FINITE = "MetricNotFinite"
    METRICS_MISSING = "MetricsMissing"
    METRICS_INVALID = "MetricsInvalid"
    METRICS_TOO_LARGE = "MetricsTooLarge"
    NO_BASELINE = "NoBaseline"
    BASELINE_METRIC_MISSING = "BaselineMetricMissing"
    GUARD_MISSED = "GuardMissed"
    GUARD_METRIC_MISSING = "GuardMetricMissing"


class RegistryReason(StrEnum):
    """Why a ModelRegistry is as it is."""

    SERVING = "Serving"
    REACHED = "Reached"
    STARTING = "Starting"
    UNAVAILABLE = "Unavailable"
    STORAGE_CLASS_NOT_FOUND = "StorageClassNotFound"
    CHILD_REFUSED = "ChildRefused"
    NAME_CONFLICT = "NameConflict"


class AzureState(StrEnum):
    """Where something that is to be done in Azure stands; why it failed is an AzureReason."""

    ASKING = "Asking"
    IMAGE_MISSING = "AzureImageMissing"
    JOB_FAILED = "AzureJobFailed"
    DELETED = "Deleted"
    DELETING = "Deleting"
    LOGGED_IN = "LoggedIn"
    FOUND = "Found"
    IMPORTED = "Imported"
    RECORDING = "Recording"
    RECORDED = "Recorded"
    REGION_UNKNOWN = "RegionUnknown"
    REGIONS_DIFFER = "RegionsDiffer"
    SAME_REGION = "SameRegion"
    WAITING_FOR_WORKSPACE = "WaitingForWorkspace"
    WAITING_FOR_OTHERS = "WaitingForOthers"


class VersionReason(StrEnum):
    """Why a ModelVersion is as it is."""

    REGISTERED = "Registered"
    REGISTRY_NOT_FOUND = "RegistryNotFound"
    REGISTRY_NOT_READY = "RegistryNotReady"
