"""The kinds we decide about: who decides, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from comal_operator.core.plan import Manifest, Plan, Relevant, Seen, Settings
from comal_operator.core.registry.decide import plan_model_registry
from comal_operator.core.registry.relevant import MODEL_REGISTRY, MODEL_VERSION
from comal_operator.core.registry.version import plan_model_version
from comal_operator.core.serving.decide import plan_model_deployment
from comal_operator.core.serving.relevant import RELEVANT as MODEL_DEPLOYMENT
from comal_operator.core.training.decide import plan_training_run
from comal_operator.core.training.relevant import RELEVANT as TRAINING_RUN


class Decide(Protocol):
    """A pure function from what was seen to what is needed."""

    def __call__(self, obj: Manifest, seen: Seen, /, *, now: datetime, settings: Settings) -> Plan:
        """Return the plan; raise pydantic's ValidationError for a body that does not parse."""


@dataclass(frozen=True)
class Kind:
    """One kind of ours."""

    decide: Decide
    relevant: Relevant


Kinds = Mapping[str, Kind]

KINDS: Kinds = {
    "TrainingRun": Kind(plan_training_run, TRAINING_RUN),
    "ModelRegistry": Kind(plan_model_registry, MODEL_REGISTRY),
    "ModelVersion": Kind(plan_model_version, MODEL_VERSION),
    "ModelDeployment": Kind(plan_model_deployment, MODEL_DEPLOYMENT),
}


def child_kinds(kinds: Kinds) -> tuple[str, ...]:
    """Return the kinds of other people's making that must be watched, by name."""
    return tuple(sorted({one for kind in kinds.values() for one in kind.relevant.by_label}))
