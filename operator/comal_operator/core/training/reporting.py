"""What a step's Pod gets so that it can report its progress: an address, and a token for it."""

from __future__ import annotations

from comal_operator.api.training_step import Step
from comal_operator.core.plan import Settings
from comal_operator.core.training.look import Look
from comal_operator.core.training.parts import JobParts
from comal_trainer.contract.progress import (
    AUDIENCE,
    PROGRESS_PATH,
    PROGRESS_PORT,
    PROGRESS_TOKEN_DIR,
    PROGRESS_TOKEN_FILE,
    PROGRESS_URL_ENV,
    TOKEN_SECONDS,
)

SERVICE = "comal-operator-progress"
_VOLUME = "progress-token"


def parts(look: Look, step: Step) -> JobParts:
    """Return the address of the operator and the token that says which Pod is talking.

    The token is no login: its audience is not the API server's, and it ends with the Pod.
    """
    del step
    token = {
        "path": PROGRESS_TOKEN_FILE.rpartition("/")[2],
        "audience": AUDIENCE,
        "expirationSeconds": TOKEN_SECONDS,
    }
    return JobParts(
        env=({"name": PROGRESS_URL_ENV, "value": _url(look.settings)},),
        volumes=({"name": _VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}},),
        mounts=({"name": _VOLUME, "mountPath": PROGRESS_TOKEN_DIR, "readOnly": True},),
    )


def _url(settings: Settings) -> str:
    # Without the cluster's domain, which is not everywhere cluster.local.
    host = f"{SERVICE}.{settings.operator_namespace}.svc"
    return f"http://{host}:{PROGRESS_PORT}{PROGRESS_PATH}"
