"""Placement presets: nodes by a name that the installation defines (ConfigMap comal-placement)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from comal_operator.api.meta import ApiType, DnsLabel
from comal_operator.api.training_step import Amount, Toleration


class PresetError(ValueError):
    """The presets cannot be read; the message names the place and the remedy."""


class NodeChoice(ApiType):
    """Which nodes take a Pod: labels that they must have, taints that are put up with."""

    # A misspelt field must not be a preset that says nothing.
    model_config = ConfigDict(extra="forbid")

    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()


class Preset(NodeChoice):
    """What `placement.preset` adds to a step."""

    limits: dict[str, Amount] = Field(default_factory=dict)
    """Resources that the step gets at least, such as one GPU, where it names none itself."""
    spot: NodeChoice | None = None
    """What is left out once the step is to leave the nodes that the cloud may take away."""


_PRESETS = TypeAdapter(dict[Annotated[DnsLabel, Field()], Preset])


def read_presets(text: str) -> Mapping[str, Preset]:
    """Return the presets that `text` (YAML or JSON) defines, by name.

    Raises PresetError naming what is wrong and where.
    """
    try:
        found: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PresetError(f"it is not YAML: {str(error).splitlines()[0]}") from error
    try:
        return _PRESETS.validate_python(found or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole text"
        raise PresetError(
            f"{where}: {first['msg']}: a preset may have nodeSelector, tolerations, limits and"
            " spot (with nodeSelector and tolerations of its own)"
        ) from error
