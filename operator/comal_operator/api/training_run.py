"""TrainingRun: one training, one shot."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import (
    AGE,
    BY_NAME,
    MESSAGE,
    STATE,
    UNIQUE,
    ApiType,
    Column,
    Decimal,
    ForeignName,
    Image,
    Kind,
    ModelName,
    ObjectName,
    Quantity,
    remedy,
    rule,
    rules,
)
from comal_operator.api.training_run_status import TrainingRunStatus
from comal_operator.api.training_step import Step

MetricName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][-./A-Za-z0-9_]*$",
        min_length=1,
        max_length=63,
        json_schema_extra=remedy(
            "must be the name of a metric in metrics.json: a letter or _,"
            " then letters, digits, _ . / and -"
        ),
    ),
]
# A version can also be named by its number, so an alias must not look like one.
Alias = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        min_length=1,
        max_length=40,
        json_schema_extra=rules(
            rule(
                r"self != 'latest' && !self.matches('^v[0-9]+$')",
                "an alias must not be latest or look like a version (v2):"
                " choose a word such as candidate or production",
            )
        )
        | remedy(
            "must be lower-case letters, digits and dashes, start with a letter"
            " and end with a letter or digit"
        ),
    ),
]
_KEYS = r"'^[A-Za-z][-.A-Za-z0-9_]{0,62}$'"
_SECRETS = (
    r"'(?i)(^|[^a-z])(password|passwd|pwd|secret|token|credentials?|api[-_.]?key|access[-_.]?key"
    r"|account[-_.]?key|private[-_.]?key|connection[-_.]?string)([^a-z]|$)'"
)


class Source(ApiType):
    """Where the code came from: recorded with the model and given to every step."""

    repository: Annotated[str, Field(max_length=512)] | None = None
    """Address of the repository; COMAL_SOURCE_REPOSITORY in every step."""
    revision: Annotated[str, Field(max_length=128)] | None = None
    """Commit, tag or branch that was built; COMAL_SOURCE_REVISION in every step."""
    build_id: Annotated[str, Field(max_length=128)] | None = None
    """Number of the CI build that made this run; COMAL_BUILD_ID in every step."""
    build_uri: (
        Annotated[
            str,
            Field(
                max_length=512,
                pattern=r"^https?://[^ ]+$",
                json_schema_extra=remedy("must be the address of the build: https://…"),
            ),
        ]
        | None
    ) = None
    """Address of that build's page; COMAL_BUILD_URI in every step."""


class Workspace(ApiType):
    """The volume that all steps share: made from a template, or an existing claim."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.existingClaim) || !(has(self.size) || has(self.storageClassName)"
                " || has(self.accessModes) || has(self.retain))",
                "workspace has existingClaim and also size, storageClassName, accessModes or"
                " retain: remove existingClaim to get a new claim, or remove the others",
            ),
        )
    )

    size: Quantity | None = None
    """Size of the claim to make; 10Gi when left out."""
    storage_class_name: ForeignName | None = None
    """StorageClass of the claim to make; the cluster's default when left out."""
    access_modes: (
        Annotated[
            tuple[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"], ...],
            Field(min_length=1, max_length=3, json_schema_extra=UNIQUE),
        ]
        | None
    ) = None
    """Access modes of the claim to make; ReadWriteOnce when left out. Steps run side by side only
    with ReadWriteMany.
    """
    mount_path: Annotated[
        str,
        Field(
            min_length=2,
            max_length=256,
            pattern=r"^(/[A-Za-z0-9_][-.A-Za-z0-9_]*)+$",
            json_schema_extra=remedy("must be an absolute path such as /workspace")
            | rules(
                rule(
                    "!['/comal', '/tmp', '/proc', '/sys', '/dev', '/etc', '/usr', '/bin', '/lib']"
                    ".exists(p, self == p || self.startsWith(p + '/'))",
                    "mountPath lies in a folder that the container needs itself:"
                    " use a folder of your own such as /workspace",
                )
            ),
        ),
    ] = "/workspace"
    """Where steps find the volume; their working directory and COMAL_WORKSPACE."""
    retain: bool | None = None
    """Keep the made claim when the run is deleted; false when left out."""
    existing_claim: ForeignName | None = None
    """A PersistentVolumeClaim of this namespace to use instead of making one."""


class Gate(ApiType):
    """The condition under which the trained model is registered."""

    metric: MetricName
    """The number in metrics.json that decides."""
    goal: Literal["Minimize", "Maximize"]
    """Whether less or more of it is better."""
    min_delta: Annotated[
        Decimal,
        Field(
            json_schema_extra=rules(
                rule("!self.startsWith('-')", 'minDelta must not be negative: use "0" or more')
            )
        ),
    ] = "0"
    """The candidate must be better than the newest registered version by more than this; equal is
    not better.
    """
    threshold: Decimal | None = None
    """The least that even the first model must reach: at most this with Minimize, at least this
    with Maximize.
    """


class Register(ApiType):
    """How the model is registered once the steps and the gate are through."""

    model: ModelName
    """Name of the model; its versions are ModelVersions named <model>-v<number>."""
    registry: ObjectName = "default"
    """The ModelRegistry of this namespace that takes the bytes; `default` is made where there is
    none.
    """
    path: Annotated[
        str,
        Field(
            min_length=1,
            max_length=256,
            pattern=r"^[A-Za-z0-9_][-.A-Za-z0-9_]*(/[A-Za-z0-9_][-.A-Za-z0-9_]*)*$",
            json_schema_extra=remedy(
                "must be a path inside the workspace such as model or outputs/model,"
                " without a leading slash or .."
            ),
        ),
    ] = "model"
    """Folder of the model in the workspace, with its model.yaml; COMAL_MODEL_DIR in every step."""
    when: Literal["GatePassed", "Always"] = "GatePassed"
    """Always registers even what the gate rejects; the verdict is recorded all the same."""
    description: Annotated[str, Field(max_length=1024)] | None = None
    """What the version is, for people."""
    tags: Annotated[dict[str, Annotated[str, Field(max_length=256)]], Field(max_length=32)] = Field(
        default_factory=dict
    )
    """Free words to find the version by."""
    aliases: Annotated[tuple[Alias, ...], Field(max_length=8, json_schema_extra=UNIQUE)] = ()
    """Names that move to the new version, such as candidate."""


class TrainingRunSpec(ApiType):
    """What to train, what must hold, and where the result goes. Immutable: a new training is a new
    TrainingRun.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self == oldSelf && self.steps.map(s, s.name) == oldSelf.steps.map(s, s.name)",
                "the spec of a TrainingRun is immutable: make a new TrainingRun under another name"
                " (kustomize's nameSuffix gives one per commit)",
            ),
            rule(
                "self.steps.all(i, s, !has(s.after) || s.after.all(a,"
                " self.steps.exists(j, t, j < i && t.name == a)))",
                "steps[].after may only name steps that stand above in the list:"
                " move the step down or correct the name",
            ),
            rule(
                "!has(self.gate) || has(self.register)",
                "gate decides whether a model is registered, but there is no register:"
                " add register.model or remove gate",
            ),
        )
    )

    experiment: Annotated[str, Field(max_length=128)] | None = None
    """Name under which runs of one endeavour are grouped; COMAL_EXPERIMENT in every step."""
    source: Source | None = None
    """Where the code came from; recorded as lineage of the model."""
    parameters: Annotated[
        dict[str, Annotated[str, Field(max_length=4096)]],
        Field(
            max_length=64,
            json_schema_extra=rules(
                rule(
                    f"self.all(k, k.matches({_KEYS}))",
                    "a name in parameters must be a letter and then letters, digits, _ . and -,"
                    " at most 63 characters: rename it",
                ),
                rule(
                    f"!self.exists(k, k.matches({_SECRETS}))",
                    "a name in parameters looks like a secret, but parameters are kept in the"
                    " clear:"
                    " put it in a Secret and use env with secretKeyRef",
                ),
            ),
        ),
    ] = Field(default_factory=dict)
    """Settings of the training, as text: COMAL_PARAM_<NAME> and parameters.json in every step;
    recorded with the model. No secrets.
    """
    workspace: Workspace = Workspace()
    """The volume that all steps share."""
    image: Image | None = None
    """Image of every step that names none; the operator's trainer image when left out."""
    service_account_name: ForeignName | None = None
    """ServiceAccount of the steps' Pods; when left out, one without rights is made. Its token is
    not mounted.
    """
    steps: Annotated[
        tuple[Step, ...], Field(min_length=1, max_length=32, json_schema_extra=BY_NAME)
    ]
    """What to run, in order; each is one Job. The order is the list's unless a step says `after`.
    """
    gate: Gate | None = None
    """What must hold for the model to be registered."""
    register_: Annotated[Register | None, Field(alias="register")] = None
    """How the model is registered; nothing is when left out."""


class TrainingRun(ApiType):
    """One training, one shot: steps as Jobs over a shared volume, a gate, a registration. Its end
    is final.
    """

    spec: TrainingRunSpec
    """What to train, what must hold, and where the result goes."""
    status: TrainingRunStatus = TrainingRunStatus()
    """How far the run is."""


TRAINING_RUN = Kind(
    type=TrainingRun,
    plural="trainingruns",
    short_name="trun",
    columns=(
        STATE,
        Column("Step", ".status.activeStep"),
        Column("Metric", ".status.metric"),
        Column("Gate", ".status.gate.decision"),
        Column("Model", ".status.modelVersion"),
        AGE,
        Column("Revision", ".spec.source.revision", wide=True),
        MESSAGE,
    ),
)
