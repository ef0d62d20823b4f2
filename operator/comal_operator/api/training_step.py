"""One step of a TrainingRun: a closed list of fields, never a Pod template."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import (
    BY_NAME,
    UNIQUE,
    ApiType,
    DnsLabel,
    ForeignName,
    Image,
    remedy,
    rule,
    rules,
)
from comal_operator.api.step_policy import (
    CachePolicy,
    Checkpoint,
    Distributed,
    Progress,
    RelativePath,
    Retry,
    Timeouts,
)

# `cpu: 1` and `cpu: "1"` are both what people write.
_AMOUNT = "^[0-9]+([.][0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$"
Amount = Annotated[
    int | str,
    Field(
        json_schema_extra={"x-kubernetes-int-or-string": True, "maxLength": 24}
        | rules(
            rule(
                f"type(self) == int ? int(self) >= 0 : string(self).matches('{_AMOUNT}')",
                "must be a quantity such as 2, 500m or 10Gi",
            )
        ),
    ),
]
Amounts = Annotated[
    dict[str, Amount],
    Field(
        max_length=16,
        json_schema_extra=rules(
            rule(
                "self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'] || k.contains('/')"
                " || k.startsWith('hugepages-'))",
                "a resource must be cpu, memory, ephemeral-storage or an extended one with its"
                " domain, such as nvidia.com/gpu: correct the name",
            )
        ),
    ),
]
Argument = Annotated[str, Field(max_length=8192)]


class KeyRef(ApiType):
    """One key of a Secret or ConfigMap of the run's namespace."""

    name: ForeignName
    """The object's name."""
    key: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            pattern=r"^[-._A-Za-z0-9]+$",
            json_schema_extra=remedy("must be a key: letters, digits, - _ and ."),
        ),
    ]
    """The key in it."""


class EnvVar(ApiType):
    """One environment variable, by value or from a key."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.value), has(self.secretKeyRef), has(self.configMapKeyRef)]"
                ".filter(x, x).size() == 1",
                "an env entry must have exactly one of value, secretKeyRef and configMapKeyRef:"
                " keep one of them",
            ),
            rule(
                "!self.name.startsWith('COMAL_')",
                "env names that start with COMAL_ belong to the step contract: choose another"
                " name, or set parameters for COMAL_PARAM_…",
            ),
        )
    )

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
            json_schema_extra=remedy(
                "must be the name of an environment variable: a letter or _,"
                " then letters, digits and _"
            ),
        ),
    ]
    """The variable's name."""
    value: Annotated[str, Field(max_length=32768)] | None = None
    """The value itself; no secrets."""
    secret_key_ref: KeyRef | None = None
    """Take the value from a Secret."""
    config_map_key_ref: KeyRef | None = None
    """Take the value from a ConfigMap."""

    def to_env(self) -> dict[str, Any]:
        """Return the variable as a container's `env` has it."""
        if self.secret_key_ref is not None:
            return {
                "name": self.name,
                "valueFrom": {"secretKeyRef": self.secret_key_ref.to_wire()},
            }
        if self.config_map_key_ref is not None:
            return {
                "name": self.name,
                "valueFrom": {"configMapKeyRef": self.config_map_key_ref.to_wire()},
            }
        return {"name": self.name, "value": self.value or ""}


class Resources(ApiType):
    """What a container asks for and may use at most, as in every Pod."""

    requests: Amounts | None = None
    """What the scheduler sets aside."""
    limits: Amounts | None = None
    """What it may use at most; extended resources such as nvidia.com/gpu stand here."""


class Toleration(ApiType):
    """A taint that the Pod puts up with, as in every Pod."""

    key: Annotated[str, Field(max_length=316)] | None = None
    """The taint's key; none means all, with operator Exists."""
    operator: Literal["Exists", "Equal"] | None = None
    """Exists, or Equal (the default) to compare the value."""
    value: Annotated[str, Field(max_length=63)] | None = None
    """The taint's value, with Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; none means all."""
    toleration_seconds: int | None = None
    """How long a NoExecute taint is put up with; for ever when left out."""


class Placement(ApiType):
    """Which nodes may run it."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.onDemandAfter) || has(self.preset)",
                "placement.onDemandAfter leaves the spot nodes of a preset, but there is none:"
                " add placement.preset such as aks-spot, or remove onDemandAfter",
            )
        )
    )

    preset: DnsLabel | None = None
    """Nodes by a name that the installation defines: aks-spot, aks-gpu and aks-spot-gpu are
    shipped. Node selector and tolerations below come on top.
    """
    on_demand_after: Annotated[int, Field(ge=1, le=1000)] | None = None
    """After so many interruptions the next attempt leaves the preset's spot nodes; never when left
    out.
    """
    node_selector: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=16)
    ] = Field(default_factory=dict)
    """Labels that the node must have."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    """Taints of the node that are put up with."""


class Step(ApiType):
    """One step: one container in one Job over the run's workspace."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.cache) || self.cache.mode == 'Never' || has(self.outputs)",
                "cache keeps a step's outputs, but the step declares none: list them in outputs,"
                " or remove cache",
            ),
        )
    )

    name: Annotated[DnsLabel, Field(max_length=40)]
    """Name of the step, unique in the run."""
    role: Literal["Prepare", "Train", "Evaluate", "Other"] = "Other"
    """What the step is for; COMAL_ROLE in the step."""
    image: Image | None = None
    """Image to run; the run's `image` when left out."""
    command: Annotated[tuple[Argument, ...], Field(max_length=64)] = ()
    """Replaces the image's entrypoint."""
    args: Annotated[tuple[Argument, ...], Field(max_length=64)] = ()
    """Arguments of the command."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=64, json_schema_extra=BY_NAME)] = ()
    """Environment variables beside those of the step contract."""
    after: (
        Annotated[
            tuple[Annotated[str, Field(max_length=40)], ...],
            Field(max_length=31, json_schema_extra=UNIQUE),
        ]
        | None
    ) = None
    """Steps above that must have succeeded first; the one directly above when left out, none when
    empty.
    """
    resources: Resources | None = None
    """What the container asks for and may use at most."""
    placement: Placement | None = None
    """Which nodes may run it."""
    distributed: Distributed | None = None
    """Several Pods that train one model together."""
    outputs: Annotated[
        tuple[RelativePath, ...], Field(max_length=16, json_schema_extra=UNIQUE)
    ] = ()
    """Files and folders in the workspace that must be there when the step exits with 0; it has
    failed otherwise.
    """
    checkpoint: Checkpoint | None = None
    """Where the step saves its state for the next attempt."""
    retry: Retry = Retry()
    """How often the step is tried again."""
    timeouts: Timeouts = Timeouts()
    """How long an attempt may wait, run and say nothing."""
    progress: Progress | None = None
    """How the operator hears how far the step is; by the step's own posts when left out."""
    cache: CachePolicy | None = None
    """Whether the outputs of an equal earlier step are used instead of running it; never when left
    out.
    """
    continue_on_failure: bool = False
    """Whether the run goes on when the step has failed; steps after it then run all the same."""
