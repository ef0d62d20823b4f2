"""What every kind of ours shares: group, version, base type, condition, field types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "comal.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

# Children are named `<object>-<part>-<hash>` in 63 characters.
NAME_LIMIT = 40
# `<model>-v<number>` is an object's name too.
MODEL_NAME_LIMIT = 32


def rule(expression: str, message: str) -> tuple[str, str]:
    """Return one CEL rule; its message names the field and says what to do instead."""
    return expression, message


def rules(*checked: tuple[str, str]) -> dict[str, Any]:
    """Return the schema addition that makes the API server check these rules.

    As `model_config = ConfigDict(json_schema_extra=rules(...))` or in a `Field`.
    """
    found = [{"rule": expression, "message": message} for expression, message in checked]
    return {"x-kubernetes-validations": found}


def remedy(text: str) -> dict[str, str]:
    """Return the addition to a field with a `pattern` that says, in words, what fits it.

    The generator makes a CEL rule of the pattern, because the API server's own answer to a
    mismatch is the bare expression. The sentence starts with what the value must be.
    """
    return {"x-remedy": text}


# A list of named things: merged by name when applied, never twice the same name.
BY_NAME: dict[str, Any] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}
UNIQUE: dict[str, Any] = {"x-kubernetes-list-type": "set"}

# A TCP port, as a part of an address: 1 to 65535.
PORT_PATTERN = (
    r"(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
)

# Decimals are strings: a float changes its text on the way through YAML, JSON and Go.
Decimal = Annotated[
    str,
    Field(
        pattern=r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?$",
        max_length=40,
        json_schema_extra=remedy('must be a decimal number in quotes, such as "0.25"'),
    ),
]
# Go's durations, as every Kubernetes user writes them.
Duration = Annotated[
    str,
    Field(
        pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
        max_length=24,
        json_schema_extra=remedy("must be a duration such as 30s, 10m or 1h30m"),
    ),
]
Quantity = Annotated[
    str,
    Field(
        pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$",
        max_length=24,
        json_schema_extra=remedy("must be a quantity such as 500m, 2 or 10Gi"),
    ),
]
Percent = Annotated[
    str,
    Field(
        pattern=r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]{1,3})?)$",
        max_length=8,
        json_schema_extra=remedy('must be a percentage in quotes from "0" to "100", without %'),
    ),
]
Digest = Annotated[
    str,
    Field(
        pattern=r"^sha256:[a-f0-9]{64}$",
        max_length=71,
        json_schema_extra=remedy("must be sha256: and 64 hexadecimal digits"),
    ),
]
_LABEL_REMEDY = remedy(
    "must be lower-case letters, digits and dashes, and start and end with a letter or digit"
)
DnsLabel = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        min_length=1,
        max_length=63,
        json_schema_extra=_LABEL_REMEDY,
    ),
]
# Names of objects of ours, as another object refers to them.
ObjectName = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        min_length=1,
        max_length=NAME_LIMIT,
        json_schema_extra=remedy(
            "must be lower-case letters, digits and dashes, start with a letter"
            " and end with a letter or digit"
        ),
    ),
]
ModelName = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        min_length=1,
        max_length=MODEL_NAME_LIMIT,
        json_schema_extra=remedy(
            "must be lower-case letters, digits and dashes, start with a letter"
            " and end with a letter or digit"
        ),
    ),
]
# Names of other people's objects: Secrets, ConfigMaps, claims, classes, accounts.
ForeignName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
        min_length=1,
        max_length=253,
        json_schema_extra=remedy(
            "must be the name of an object: lower-case letters, digits, dashes and dots"
        ),
    ),
]
Network = Annotated[
    str,
    Field(
        max_length=43,
        json_schema_extra=rules(
            rule(
                "isCIDR(self) && cidr(self).masked() == cidr(self)",
                "must be a network such as 10.0.0.0/8, with no address bits after its mask",
            )
        ),
    ),
]
Image = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+([._-]+[a-z0-9]+)*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
        r"(:[A-Za-z0-9_][-.A-Za-z0-9_]*)?(@sha256:[a-f0-9]{64})?$",
        min_length=1,
        max_length=512,
        json_schema_extra=remedy(
            "must be an image reference such as myacr.azurecr.io/train:1 or one with @sha256:…"
        ),
    ),
]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ApiType(BaseModel):
    """A frozen value, camelCase on the wire; unknown fields are the API server's to prune."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        extra="ignore",
    )

    def to_wire(self) -> dict[str, Any]:
        """Return the value as the API server stores it: camelCase, nothing that is unset."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Condition(ApiType):
    """One fact about the object, in the shape of metav1.Condition."""

    type: Annotated[str, Field(max_length=64)]
    """What the condition is about, such as Ready."""
    status: Annotated[str, Field(pattern="^(True|False|Unknown)$")]
    """True, False or Unknown."""
    reason: Annotated[str, Field(pattern="^[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?$", max_length=64)]
    """Why, as one word a program can compare; every one is explained in docs/conditions.md."""
    message: Annotated[str, Field(max_length=4096)] = ""
    """Why, as a sentence for a person."""
    observed_generation: int | None = None
    """The generation of the spec that this was said of."""
    last_transition_time: Timestamp | None = None
    """When the status last changed."""


# Status lists of conditions: everybody may add one, nobody's is overwritten by another's.
Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        max_length=32,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    ),
]


@dataclass(frozen=True)
class Column:
    """One column of `kubectl get`; `wide` ones show with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False


STATE = Column("State", '.status.conditions[?(@.type=="Ready")].reason')
AGE = Column("Age", ".metadata.creationTimestamp", "date")
MESSAGE = Column("Message", '.status.conditions[?(@.type=="Ready")].message', wide=True)


@dataclass(frozen=True)
class Kind:
    """One kind: its pydantic type with fields `spec` and `status`, its names and columns."""

    type: type[ApiType]
    plural: str
    short_name: str
    columns: tuple[Column, ...]
    scale: Mapping[str, str] | None = None
    """Where `/scale` finds its numbers, for a kind that has it."""

    @property
    def name(self) -> str:
        """The kind as manifests write it."""
        return self.type.__name__
