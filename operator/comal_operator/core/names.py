"""Names and labels of children: deterministic, so that doing a thing twice meets itself."""

from __future__ import annotations

import hashlib
import json
from typing import Any

FIELD_MANAGER = "comal-operator"
MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_TRAINING_RUN = "comal.dev/training-run"
LABEL_STEP = "comal.dev/step"
LABEL_SWEEP = "comal.dev/sweep"
LABEL_CACHE_KEY = "comal.dev/cache-key"
LABEL_ATTEMPT = "comal.dev/attempt"
LABEL_MODEL_DEPLOYMENT = "comal.dev/model-deployment"
LABEL_MODEL_REGISTRY = "comal.dev/model-registry"
LABEL_REVISION = "comal.dev/revision"
LABEL_VARIANT = "comal.dev/variant"
LABEL_MODEL = "comal.dev/model"
LABEL_MODEL_VERSION = "comal.dev/model-version"

# A DNS label has 63 characters; a worker's host name is its Job's with -0 to -63.
_NAME_LIMIT = 60


def short_hash(*inputs: Any) -> str:
    """Return 8 hex digits of the canonical JSON of `inputs`: equal inputs, equal hash."""
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def child_name(owner: str, part: str, digest: str = "") -> str:
    """Return `<owner>-<part>-<digest>`, the part cut so that it is a DNS label.

    Owners are at most 40 characters (CEL), so only a long part is ever cut.
    """
    tail = f"-{digest}" if digest else ""
    room = _NAME_LIMIT - len(owner) - len(tail) - 1
    return f"{owner}-{part[:room].rstrip('-')}{tail}"


def labels(component: str, **more: str) -> dict[str, str]:
    """Return the labels of a child; `more` are our own, by their full key via `**{key: value}`."""
    return {
        "app.kubernetes.io/name": f"comal-{component}",
        "app.kubernetes.io/component": component,
        MANAGED_BY: FIELD_MANAGER,
        "app.kubernetes.io/part-of": "comal",
        **more,
    }
