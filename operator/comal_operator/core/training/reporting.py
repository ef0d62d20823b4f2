"""What a step's Pod gets so that it can report its progress: an address, and a token for it."""

from __future__ import annotations

from comal_operator.api.training_step import Step
from comal_operator.core.children import container_security
from comal_operator.core.plan import Manifest, Settings
from comal_operator.core.training.environment import facts
from comal_operator.core.training.look import Look
from comal_operator.core.training.parts import JobParts
from comal_trainer.contract.progress import (
    AUDIENCE,
    FOLLOW_COMMAND,
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
    token = {
        "path": PROGRESS_TOKEN_FILE.rpartition("/")[2],
        "audience": AUDIENCE,
        "expirationSeconds": TOKEN_SECONDS,
    }
    url = {"name": PROGRESS_URL_ENV, "value": _url(look.settings)}
    volume = {"name": _VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}
    mount = {"name": _VOLUME, "mountPath": PROGRESS_TOKEN_DIR, "readOnly": True}
    if step.progress is None or step.progress.from_ == "Post":
        return JobParts(env=(url,), volumes=(volume,), mounts=(mount,))
    return JobParts(volumes=(volume,), init_containers=(_follower(look, step, url, mount),))


def _follower(look: Look, step: Step, url: Manifest, token: Manifest) -> Manifest:
    """Return what posts for a step that only writes files; the step gets neither address nor token.

    `restartPolicy: Always` makes it a sidecar: it starts first, ends when the step has ended, is
    started again when it fails, and its end counts neither for the Pod nor for the Job.
    """
    path = look.spec.workspace.mount_path
    return {
        "name": "follow",
        "image": look.settings.trainer_image,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "args": [FOLLOW_COMMAND],
        "env": [*facts(look.run, look.spec, step.name, step.role), url],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": container_security(),
        "volumeMounts": [{"name": "workspace", "mountPath": path, "readOnly": True}, token],
    }


def _url(settings: Settings) -> str:
    # Without the cluster's domain, which is not everywhere cluster.local.
    host = f"{SERVICE}.{settings.operator_namespace}.svc"
    return f"http://{host}:{PROGRESS_PORT}{PROGRESS_PATH}"
