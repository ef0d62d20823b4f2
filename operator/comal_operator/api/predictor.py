"""How the scoring Pods of a ModelDeployment run: a closed list of fields, never a Pod template."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import BY_NAME, ApiType, Duration, rule, rules
from comal_operator.api.predictor_input import Pictures, Script
from comal_operator.api.training_step import EnvVar, Resources, Toleration


class ScorerEnvVar(EnvVar):
    """One environment variable of the inference server, by value or from a key."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.value), has(self.secretKeyRef), has(self.configMapKeyRef)]"
                ".filter(x, x).size() == 1",
                "an env entry must have exactly one of value, secretKeyRef and configMapKeyRef:"
                " keep one of them",
            ),
            (
                "!self.name.startsWith('COMAL_')",
                "env names that start with COMAL_ are set by the operator: choose another name",
            ),
        )
    )


class ScorerResources(Resources):
    """What each scoring Pod asks for and may use at most: given here, or by the model's profile."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.fromProfile) || !self.fromProfile"
                " || !(has(self.requests) || has(self.limits))",
                "resources has fromProfile and also requests or limits: keep one of the two ways",
            )
        )
    )

    from_profile: bool | None = None
    """Take the size that the model version's profile recommends, as requests and limits."""


class Predictor(ApiType):
    """How the scoring Pods run. A change is a new revision, but for startupTimeout up to 10m."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.contract) || !has(self.script)",
                "predictor.contract says how a model is asked, and with predictor.script the"
                " script decides that: remove one of them",
            )
        )
    )

    contract: (
        Literal["data-matrix", "input-data", "ints-list", "base64-image", "image-url"] | None
    ) = None
    """How callers ask at /score; as the model version was registered when left out."""
    mode: Literal["strict", "aml-v1"] = "strict"
    """How requests are refused: strict with true status codes, aml-v1 as Azure ML's server does."""
    script: Script | None = None
    """Let code of yours answer."""
    pictures: Pictures = Pictures()
    """Pictures that requests bring or point to."""
    env: Annotated[tuple[ScorerEnvVar, ...], Field(max_length=64, json_schema_extra=BY_NAME)] = ()
    """Environment variables of the inference server beside the operator's own."""
    resources: ScorerResources | None = None
    """What each Pod asks for and may use at most, or fromProfile."""
    node_selector: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=16)
    ] = Field(default_factory=dict)
    """Labels that the node must have."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    """Taints of the node that are put up with."""
    startup_timeout: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(
                    "duration(self) >= duration('1s') && duration(self) <= duration('24h')",
                    "predictor.startupTimeout must be from 1s to 24h:"
                    " choose what pulling the image and loading the model needs",
                )
            )
        ),
    ] = "10m"
    """How long a candidate may take to answer, and stay without a Pod that does: then it is rolled
    back.
    """
