"""The Job that loads the model: the scoring container beside the one that sends requests."""

from __future__ import annotations

from typing import Any

from comal_operator.api.training_profile import Profile, Size
from comal_operator.core.children import container_security
from comal_operator.core.plan import Manifest
from comal_operator.core.registry.address import location, split_location
from comal_operator.core.training.jobs import loading_job
from comal_operator.core.training.look import Look
from comal_operator.core.training.parts import JobParts
from comal_scorer import contract as scorer
from comal_trainer.contract.profile import PROFILE_COMMAND, profile_arguments

SCORER = "scorer"
# A size that no node has room for must not keep the model for ever.
_STARTING_SECONDS = 300


def profile_job(look: Look, profile: Profile, number: int, digest: str) -> Manifest:
    """Return the Job of one size: its container gets exactly that, as request and as limit."""
    port = scorer.DEFAULT_PORT
    arguments = profile_arguments(
        profile.request,
        url=f"http://127.0.0.1:{port}",
        seconds=profile.seconds,
        concurrency=profile.concurrency,
    )
    volume = {"name": "model", "emptyDir": {}}
    parts = JobParts(
        volumes=(volume,),
        init_containers=(
            _fetch(look, digest),
            _serve(look, profile.sizes[number], digest),
        ),
        job={"activeDeadlineSeconds": profile.seconds + _STARTING_SECONDS},
    )
    return loading_job(look, f"{PROFILE_COMMAND}-{number}", arguments, parts)


def _fetch(look: Look, digest: str) -> Manifest:
    register = look.spec.register_
    registry, model = (register.registry, register.model) if register else ("", "")
    url, repository = split_location(location(registry, model))
    arguments = scorer.fetch_arguments(
        url=url, repository=repository, digest=digest, target=scorer.DEFAULT_MODEL_DIR
    )
    resources = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
    return _container(look, "fetch", arguments, resources, read_only=False)


def _serve(look: Look, size: Size, digest: str) -> Manifest:
    """Return the scoring container: an init container that goes on beside the others."""
    amounts = {"cpu": size.cpu, "memory": size.memory}
    resources = {"requests": amounts, "limits": amounts}
    env = {scorer.MODEL_DIR_ENV: scorer.DEFAULT_MODEL_DIR, scorer.MODEL_DIGEST_ENV: digest}
    return {
        **_container(look, SCORER, scorer.serve_arguments(), resources, read_only=True),
        "restartPolicy": "Always",
        "env": [{"name": name, "value": value} for name, value in env.items()],
    }


def _container(
    look: Look, name: str, arguments: Any, resources: Manifest, *, read_only: bool
) -> dict[str, Any]:
    model = {"name": "model", "mountPath": scorer.DEFAULT_MODEL_DIR}
    return {
        "name": name,
        "image": look.settings.scorer_image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(arguments),
        "resources": resources,
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {**model, "readOnly": True} if read_only else model,
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the Pod's own
        ],
    }
