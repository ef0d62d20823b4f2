"""ModelVersion: the catalogue, one immutable registered version each."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from comal_operator.api.azure_ml import AzureErrand, ModelUri
from comal_operator.api.meta import (
    AGE,
    UNIQUE,
    ApiType,
    Column,
    Conditions,
    Digest,
    DnsLabel,
    Kind,
    ModelName,
    ObjectName,
    Quantity,
    Timestamp,
    remedy,
    rule,
    rules,
)
from comal_operator.api.training_gate import Alias, MetricName
from comal_operator.api.training_run import Source
from comal_operator.api.training_run_status import DataStatus, GateStatus

Text = Annotated[str, Field(max_length=256)]
Version = Annotated[
    str,
    Field(
        pattern=r"^[1-9][0-9]*$",
        min_length=1,
        max_length=6,
        json_schema_extra=remedy('must be a whole number from 1 in quotes, such as "2"'),
    ),
]


class Tensor(ApiType):
    """One input or output of the model."""

    name: Annotated[str, Field(max_length=256)]
    """Its name."""
    dtype: Annotated[str, Field(max_length=32)]
    """Type of its numbers, such as float32."""
    shape: Annotated[tuple[int, ...], Field(max_length=16)] = ()
    """Its dimensions; -1 is free, as the batch is."""


class Signature(ApiType):
    """What the model takes and gives."""

    inputs: Annotated[tuple[Tensor, ...], Field(max_length=64)] = ()
    """What it takes."""
    outputs: Annotated[tuple[Tensor, ...], Field(max_length=64)] = ()
    """What it gives."""


class Parity(ApiType):
    """How closely the converted model answers like the one that was trained."""

    max_difference: Annotated[str, Field(max_length=64)]
    """Largest difference between the two on the sample inputs."""
    samples: int
    """Number of sample inputs compared."""


class SignedFile(ApiType):
    """One signed file of the run's workspace."""

    path: Annotated[str, Field(max_length=256)]
    """Where it lay."""
    hmac_sha256: Annotated[str, Field(max_length=64)]
    """Its HMAC-SHA256 in upper-case hexadecimal."""
    sha256: Annotated[str, Field(max_length=64)]
    """Its sha256."""


class Signatures(ApiType):
    """What was signed when the version was registered."""

    data: SignedFile | None = None
    """The list of the data."""
    model: SignedFile | None = None
    """The model's file."""


class ColumnStatistics(ApiType):
    """One column of the data; the four numbers are left out where it holds no numbers."""

    name: Annotated[str, Field(max_length=63)]
    """Its name."""
    nulls: int = 0
    """Rows without a value."""
    mean: Annotated[str, Field(max_length=32)] | None = None
    """Mean of its values."""
    std: Annotated[str, Field(max_length=32)] | None = None
    """Their standard deviation."""
    min: Annotated[str, Field(max_length=32)] | None = None
    """The least of them."""
    max: Annotated[str, Field(max_length=32)] | None = None
    """The greatest of them."""


class DataStatistics(ApiType):
    """What the data was like that the version was trained on: later runs are checked for drift."""

    rows: int
    """Its rows."""
    columns: Annotated[tuple[ColumnStatistics, ...], Field(max_length=64)] = ()
    """Its columns, in order."""


class SizeProfile(ApiType):
    """How the model answered in one size of the scoring container."""

    cpu: Quantity
    """CPU that it could use."""
    memory: Quantity
    """Memory that it could use."""
    p50_ms: Annotated[str, Field(max_length=32)] | None = None
    """Milliseconds within which half of the requests were answered."""
    p95_ms: Annotated[str, Field(max_length=32)] | None = None
    """The same for 95 of 100."""
    p99_ms: Annotated[str, Field(max_length=32)] | None = None
    """The same for 99 of 100."""
    requests_per_second: Annotated[str, Field(max_length=32)] | None = None
    """Requests answered in a second."""
    errors: int | None = None
    """Requests that were not answered, or not with 200."""
    peak_memory: Quantity | None = None
    """The most memory that the scoring process held."""
    error: Annotated[str, Field(max_length=600)] | None = None
    """Why there are no numbers, or why this size is not enough."""


class RecommendedSize(ApiType):
    """What each scoring Pod should get."""

    cpu: Quantity
    """CPU."""
    memory: Quantity
    """Memory."""


class ModelProfile(ApiType):
    """A short load on the scoring container before the version was registered."""

    sizes: Annotated[tuple[SizeProfile, ...], Field(max_length=6)] = ()
    """The sizes that were tried."""
    recommended: RecommendedSize | None = None
    """The size that a ModelDeployment with resources.fromProfile gets; none when none answered."""
    message: Annotated[str, Field(max_length=600)] = ""
    """Why that one."""


class RunReference(ApiType):
    """The TrainingRun that made the version; it may be gone by now."""

    name: ObjectName
    """Its name."""
    uid: Annotated[str, Field(max_length=64)]
    """Its uid: one run registers once."""


class Imported(ApiType):
    """The model of an Azure ML workspace that the version is."""

    uri: ModelUri
    """Its name and version there."""
    workspace: Annotated[str, Field(max_length=512)]
    """Azure's id of the workspace."""


class GateRecord(GateStatus):
    """What the gate said of the version when it was registered."""

    reason: Annotated[str, Field(max_length=64)]
    """Why, as one word; see docs/conditions.md."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """Why, as a sentence with both numbers."""


class StepImage(ApiType):
    """The image that one step ran."""

    step: DnsLabel
    """The step."""
    image: Annotated[str, Field(max_length=600)]
    """Its image, by digest where the node's runtime tells it."""


class TrainedOn(DataStatus):
    """Data that the version was trained on."""

    uri: Annotated[str, Field(max_length=1024)] | None = None
    """Where it was, without what may be a login: user, password and query."""


class Lineage(ApiType):
    """Where the version came from."""

    run: RunReference | None = None
    """The TrainingRun that made it; none of a version that was imported."""
    imported: Imported | None = None
    """Where it was imported from."""
    experiment: Annotated[str, Field(max_length=128)] | None = None
    """The run's experiment."""
    source: Source | None = None
    """The code it was trained with."""
    images: Annotated[tuple[StepImage, ...], Field(max_length=32)] = ()
    """What ran, step by step."""
    data: Annotated[tuple[TrainedOn, ...], Field(max_length=16)] = ()
    """The data that it was trained on: places, digests, bytes and rows."""
    gate: GateRecord | None = None
    """What it was compared with, and with what verdict; none where the run has no gate."""


class ModelVersionSpec(ApiType):
    """The version as it was registered. Only `aliases` may change."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-immutable-but": ["aliases"],
            "x-immutable-message": "a registered version is immutable but for aliases:"
            " train and register a new version instead",
        }
    )

    aliases: Annotated[tuple[Alias, ...], Field(max_length=8, json_schema_extra=UNIQUE)] = ()
    """Names for this version, such as production. An alias that several versions claim belongs to
    the one that got it last.
    """
    model: ModelName
    """Name of the model."""
    version: Version
    """Number of the version; never given twice."""
    digest: Digest
    """Digest of the artifact's manifest: what is served is what was registered."""
    format: Annotated[str, Field(max_length=32)]
    """Format that is served, such as onnx."""
    source_format: Annotated[str, Field(max_length=32)] | None = None
    """Format that was trained and is kept beside it, such as sklearn-joblib."""
    contract: Annotated[str, Field(max_length=32)]
    """How requests look: data-matrix or base64-image."""
    registry: ObjectName
    """The ModelRegistry that holds the bytes."""
    location: Annotated[str, Field(max_length=512)]
    """Address of the artifact's repository in it; with the digest it names the bytes."""
    signature: Signature | None = None
    """What the model takes and gives."""
    parity: Parity | None = None
    """How closely the served format answers like the trained one; none when nothing was converted
    or compared.
    """
    primary_metric: MetricName | None = None
    """The metric that the run's gate decided by."""
    metrics: Annotated[dict[str, Annotated[str, Field(max_length=64)]], Field(max_length=64)] = (
        Field(default_factory=dict)
    )
    """The run's metrics, as decimal strings."""
    parameters: Annotated[
        dict[str, Annotated[str, Field(max_length=4096)]],
        Field(max_length=64),
    ] = Field(default_factory=dict)
    """The run's parameters."""
    tags: Annotated[dict[str, Text], Field(max_length=32)] = Field(default_factory=dict)
    """Free words to find the version by."""
    description: Annotated[str, Field(max_length=1024)] | None = None
    """What the version is, for people."""
    signatures: Signatures | None = None
    """Files that were signed, as register.sign asked for."""
    data_statistics: DataStatistics | None = None
    """What the data was like, where a step described it."""
    profile: ModelProfile | None = None
    """How it answered under load, where the run asked for that."""
    lineage: Lineage
    """Where the version came from."""


class ModelVersionStatus(ApiType):
    """What holds for the version now."""

    observed_generation: int = -1
    """Generation of the spec that this status is about; -1 until the operator has looked."""
    metric: Annotated[str, Field(max_length=128)] | None = None
    """The deciding metric as text, such as mse=3295.71."""
    aliases: Annotated[tuple[Annotated[str, Field(max_length=40)], ...], Field(max_length=8)] = ()
    """The aliases that are this version's, of those that it claims."""
    alias_times: Annotated[dict[str, Timestamp], Field(max_length=8)] = Field(default_factory=dict)
    """When each claimed alias was first seen here: the latest claim of a model's versions holds."""
    azure_ml: Annotated[AzureErrand | None, Field(alias="azureML")] = None
    """The version's record in Azure ML, where its registry names a workspace."""
    conditions: Conditions = ()
    """Ready, and Mirrored where the registry names a workspace; see docs/conditions.md."""


class ModelVersion(ApiType):
    """One registered version of a model: its digest, place, metrics and lineage. Made by the
    operator only.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.metadata.name == self.spec.model + '-v' + self.spec.version",
                "metadata.name of a ModelVersion must be <spec.model>-v<spec.version>:"
                " let a TrainingRun register it",
            )
        )
    )

    spec: ModelVersionSpec
    """The version as it was registered."""
    status: ModelVersionStatus = ModelVersionStatus()
    """What holds for the version now."""


MODEL_VERSION = Kind(
    type=ModelVersion,
    plural="modelversions",
    short_name="mver",
    columns=(
        Column("Model", ".spec.model"),
        Column("Version", ".spec.version"),
        Column("Format", ".spec.format"),
        Column("Metric", ".status.metric"),
        Column("Registry", ".spec.registry"),
        Column("Run", ".spec.lineage.run.name"),
        AGE,
        Column("Aliases", ".status.aliases", wide=True),
        Column("Digest", ".spec.digest", wide=True),
        Column("Mirrored", '.status.conditions[?(@.type=="Mirrored")].reason', wide=True),
    ),
)
