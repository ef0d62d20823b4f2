"""What every kind of ours shares: group, version, base type, condition, field types."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "comal.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

# Decimals are strings: a float changes its text on the way through YAML, JSON and Go.
Decimal = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$", max_length=40)]
# Go's durations, as every Kubernetes user writes them.
Duration = Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$", max_length=24)]
Quantity = Annotated[
    str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$", max_length=24)
]
Percent = Annotated[str, Field(pattern=r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]{1,3})?)$", max_length=8)]
Digest = Annotated[str, Field(pattern=r"^sha256:[a-f0-9]{64}$", max_length=71)]
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ApiType(BaseModel):
    """A frozen value with camelCase names on the wire; unknown fields are the API server's to prune."""

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
    message: Annotated[str, Field(max_length=1024)] = ""
    """Why, as a sentence for a person."""
    observed_generation: int | None = None
    """The generation of the spec that this was said of."""
    last_transition_time: Timestamp | None = None
    """When the status last changed."""
