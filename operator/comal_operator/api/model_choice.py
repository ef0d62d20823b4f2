"""Which registered version an endpoint, or a variant of it, serves."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from comal_operator.api.azure_ml import ModelUri
from comal_operator.api.meta import ApiType, Digest, ModelName, ObjectName, rule, rules
from comal_operator.api.model_version import Version
from comal_operator.api.training_gate import Alias

_CHOICES = (
    "[has(self.version), has(self.alias), has(self.latest), has(self.trainingRun), has(self.uri)]"
)


class ModelChoice(ApiType):
    """Which registered version is served."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"{_CHOICES}.filter(x, x).size() == 1",
                "model must have exactly one of version, alias, latest, trainingRun and uri:"
                ' keep one of them, for example version: "2" or latest: true',
            ),
            rule(
                "!has(self.autoUpdate) || has(self.alias) || has(self.latest)",
                "model.autoUpdate goes with alias or latest, whose version can change:"
                " remove autoUpdate, or name the model by alias or latest",
            ),
            rule(
                "!has(self.registry) || has(self.uri)",
                "model.registry says where model.uri is imported to, a version knows its own:"
                " remove registry, or name the model by uri",
            ),
        )
    )

    name: ModelName
    """Name of the model, as TrainingRuns register it; with uri the name that it gets here."""
    version: Version | None = None
    """Number of the version."""
    alias: Alias | None = None
    """The version that has this alias."""
    latest: Literal[True] | None = None
    """The version with the highest number."""
    training_run: ObjectName | None = None
    """The version that this TrainingRun of the namespace registers; waited for."""
    uri: ModelUri | None = None
    """A model of Azure ML, whoever registered it: azureml:<name>:<version>, or
    azureml:<name>@latest for what is newest when it is imported. It becomes a ModelVersion of
    `name`, once.
    """
    registry: ObjectName | None = None
    """With uri: the ModelRegistry whose azureML workspace is asked, and which gets the bytes;
    `default` when left out.
    """
    digest: Digest | None = None
    """Digest that the version must have: nothing but what was reviewed is served."""
    auto_update: bool | None = None
    """With alias or latest: follow it to newer versions, each by a rollout; true when left out.

    false keeps the version that was found first.
    """
