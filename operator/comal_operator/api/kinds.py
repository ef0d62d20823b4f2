"""Every kind there is; the CRDs and the shell's watches are made from this tuple."""

from __future__ import annotations

from comal_operator.api.meta import Kind
from comal_operator.api.model_deployment import MODEL_DEPLOYMENT
from comal_operator.api.model_registry import MODEL_REGISTRY
from comal_operator.api.model_version import MODEL_VERSION
from comal_operator.api.training_run import TRAINING_RUN

KINDS: tuple[Kind, ...] = (TRAINING_RUN, MODEL_VERSION, MODEL_REGISTRY, MODEL_DEPLOYMENT)
