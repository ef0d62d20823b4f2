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
    ForeignName,
    Image,
    Kind,
    ModelName,
    ObjectName,
    remedy,
    rule,
    rules,
)
from comal_operator.api.step_policy import RelativePath
from comal_operator.api.training_data import DataSource
from comal_operator.api.training_gate import Alias, Gate
from comal_operator.api.training_notify import Notice
from comal_operator.api.training_profile import Profile
from comal_operator.api.training_run_status import TrainingRunStatus
from comal_operator.api.training_step import Step
from comal_operator.api.training_sweep import Sweep
from comal_operator.api.training_ttl import Ttl
from comal_operator.api.training_workspace import Workspace

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


class Sign(ApiType):
    """Files whose HMAC-SHA256 is recorded with the version, as the original pipelines do."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.data) || has(self.model)",
                "register.sign names nothing to sign: add data or model, or remove sign",
            ),
        )
    )

    data: RelativePath | None = None
    """The file in the workspace that lists the data."""
    model: RelativePath | None = None
    """The model's file in the workspace."""
    key: Annotated[str, Field(min_length=1, max_length=128)] = "kf_pipeline"
    """The key. It is no secret: a signature shows that nothing was changed, not who signed."""


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
    """Names that move to the new version, such as candidate; never to one that the gate rejects."""
    sign: Sign | None = None
    """Files that are signed; nothing is when left out."""


_IMMUTABLE = (
    "the spec of a TrainingRun is immutable but for suspend, cancel and ttl: make a new TrainingRun"
    " under another name (kustomize's nameSuffix gives one per commit)"
)


class TrainingRunSpec(ApiType):
    """What to train, what must hold, and where the result goes. Immutable but for suspend, cancel
    and ttl: a new training is a new TrainingRun.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "x-immutable-but": ["suspend", "cancel", "ttl"],
            "x-immutable-message": _IMMUTABLE,
        }
        | rules(
            # Lists of named things are equal in any order, but steps are not.
            rule("self.steps.map(s, s.name) == oldSelf.steps.map(s, s.name)", _IMMUTABLE),
            rule(
                "!oldSelf.cancel || self.cancel",
                "cancel is final: make a new TrainingRun under another name",
            ),
            rule(
                "!has(self.sweep) || !has(self.workspace) || !has(self.workspace.existingClaim)",
                "the trials of a sweep would write over each other on one existingClaim: remove"
                " it, each trial then gets a workspace of its own",
            ),
            rule(
                "!has(self.profile) || has(self.register)",
                "profile is recorded with the registered model, but there is no register:"
                " add register.model or remove profile",
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

    suspend: bool = False
    """Stop what runs and start nothing until it is false again; finished steps stay finished."""
    cancel: bool = False
    """Stop for good: the run ends as cancelled. Cannot be taken back."""
    ttl: Ttl = Ttl()
    """How long after its end what the run made is kept."""
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
    data: Annotated[tuple[DataSource, ...], Field(max_length=16, json_schema_extra=BY_NAME)] = ()
    """What is laid into the workspace before the first step: data/<name>/, digest checked and
    recorded with the model.
    """
    workspace: Workspace = Workspace()
    """The volume that all steps share."""
    image: Image | None = None
    """Image of every step that names none; the operator's trainer image when left out."""
    service_account_name: ForeignName | None = None
    """ServiceAccount of the steps' Pods; when left out, one without rights is made. Its token is
    not mounted.
    """
    queue: ForeignName | None = None
    """Kueue's local queue that each step's Job waits in; put on the Job as a label."""
    steps: Annotated[
        tuple[Step, ...], Field(min_length=1, max_length=32, json_schema_extra=BY_NAME)
    ]
    """What to run, in order; each is one Job. The order is the list's unless a step says `after`.
    """
    sweep: Sweep | None = None
    """Trials with other parameters; the best one's model is gated and registered."""
    profile: Profile | None = None
    """A short load on the model before it is registered, to find the size that it needs."""
    gate: Gate | None = None
    """What must hold for the model to be registered."""
    register_: Annotated[Register | None, Field(alias="register")] = None
    """How the model is registered; nothing is when left out."""
    notify: Annotated[tuple[Notice, ...], Field(max_length=8)] = ()
    """Who is told how it goes, by webhook."""


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
        Column("Progress", ".status.progress.text"),
        Column("Metric", ".status.metric"),
        Column("Gate", ".status.gate.decision"),
        Column("Model", ".status.modelVersion"),
        AGE,
        Column("Queue", ".spec.queue", wide=True),
        Column("Revision", ".spec.source.revision", wide=True),
        Column("Interruptions", ".status.interruptions", "integer", wide=True),
        MESSAGE,
    ),
)
