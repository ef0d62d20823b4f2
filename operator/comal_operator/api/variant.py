"""Long-lived variants of an endpoint: A/B/n beside the rollout."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from comal_operator.api.meta import ApiType, Percent, remedy, rule, rules
from comal_operator.api.model_choice import ModelChoice

VariantName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        min_length=1,
        max_length=40,
        json_schema_extra=remedy(
            "must be lower-case letters, digits and dashes, and start and end with a letter or"
            " digit, such as green"
        ),
    ),
]


class Variant(ApiType):
    """A model version with Pods and a share of its own, for as long as it stands here."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.model.uri)",
                "variants[].model.uri is not imported: name it in spec.model of a ModelDeployment,"
                " then its version here",
            )
        )
    )

    name: VariantName
    """Its name: `azureml-model-deployment: <name>` reaches it whatever the shares, and so does a
    rule of traffic.rules.
    """
    model: ModelChoice
    """Which registered version it serves. Another one takes its share over once all its Pods
    answer and every router knows them, without steps.
    """
    percent: Percent = "0"
    """Its share of all requests; at 0 its Pods stay warm and only who names it reaches it. What
    the variants leave is the share of spec.model.
    """


def variant_rules() -> list[tuple[str, str]]:
    """Return the rules between the variants and the rest of the spec."""
    return [
        rule(
            "!has(self.variants) || self.variants.map(v,"
            " int(double(v.percent) * 1000.0 + 0.5)).sum() <= 100000",
            "variants[].percent must be at most 100 together, and spec.model gets what they leave:"
            " lower one of them",
        ),
        rule(
            "!has(self.traffic.rules) || self.traffic.rules.all(r, r.to in ['Stable', 'Candidate']"
            " || (has(self.variants) && self.variants.exists(v, v.name == r.to)))",
            "traffic.rules[].to must be Stable, Candidate or the name of one of spec.variants:"
            " correct it, or add that variant",
        ),
    ]
