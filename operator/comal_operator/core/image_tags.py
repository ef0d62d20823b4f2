"""Images by tag: which of them are asked for, the Pod that asks registries, and what it found.

The operator asks no registry itself: it reads no Secret and calls nobody outside
(docs/decisions/0041). What is found is remembered by whoever asked, and never asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final

from comal_operator.api.image_status import ImageStatus
from comal_operator.core.children import container_security, pod_security
from comal_operator.core.conditions import parse_timestamp
from comal_operator.core.network_rules import DNS, IN_CLUSTER, METADATA_ADDRESS, OUTSIDE
from comal_operator.core.plan import Manifest, Settings
from comal_trainer.contract.images import (
    PULL_SECRETS_DIR,
    RESOLVE_COMMAND,
    ImageReason,
    ResolvedImages,
    Unresolved,
    reference,
    resolve_arguments,
    without_tag,
)

# From its start, with the pull of its image: what takes longer is left to the nodes.
SECONDS: Final = 600
_CLIENT_ID: Final = "azure.workload.identity/client-id"
_USE: Final = "azure.workload.identity/use"
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Found:
    """What registries told of some images."""

    images: tuple[ImageStatus, ...]
    refused: Unresolved | None = None
    """The first one that its registry has not, or not for us: then nothing is remembered."""


def to_resolve(named: Iterable[str | None], own: Iterable[str], settings: Settings) -> list[str]:
    """Return the images, each once, whose tags a registry is to be asked for.

    Not the installation's `own`, which it vouches for, nor what only a node can know.
    """
    known = set(own)
    return list(
        dict.fromkeys(
            image
            for image in named
            if image is not None and image not in known and _is_asked(image, settings)
        )
    )


def _is_asked(image: str, settings: Settings) -> bool:
    if "@" in image:
        return False
    found = reference(image)
    left = any(fnmatchcase(found.full_name, one) for one in settings.unresolved_images)
    return not (left or found.is_local)


def pinned(images: Iterable[ImageStatus], named: str) -> str | None:
    """Return the image by the digest that its registry told; None where none did."""
    digest = next((one.digest for one in images if one.name == named), None)
    return f"{without_tag(named)}@{digest}" if digest else None


def found_in(answer: ResolvedImages, asked: Sequence[str]) -> Found:
    """Return what an answer says of the images that were asked for."""
    refusals = (one for one in answer.problems if one.reason != ImageReason.UNDECIDED)
    refused = next((one for one in refusals if one.index < len(asked)), None)
    why = {one.index: one.message for one in answer.problems}
    images = tuple(
        ImageStatus(name=image, digest=digest)
        if (digest := answer.digests.get(str(at))) is not None
        else ImageStatus(name=image, message=why.get(at, "nothing was told of it")[:256])
        for at, image in enumerate(asked)
    )
    return Found(images, refused)


def left_to_nodes(asked: Sequence[str], why: str) -> tuple[ImageStatus, ...]:
    """Return what is remembered of images for which no registry could be asked."""
    return tuple(ImageStatus(name=image, message=why[:256]) for image in asked)


def remedy(image: str, field: str, refused: Unresolved) -> str:
    """Return the sentence for a person: image, field, and what to do."""
    start = f"{field}: {image}: {refused.message}: "
    if refused.reason == ImageReason.NOT_FOUND:
        return f"{start}push it, or name another one"
    text = f"{start}correct its name, or give the ServiceAccount a pull secret that may read it"
    return f"{text} (where nodes log in by themselves: COMAL_UNRESOLVED_IMAGES)"


def pause(told: str | None, start: str | None, now: datetime) -> timedelta | None:
    """Return how long a registry that said no is left alone; None: it is asked now.

    As long again as it has said no since `start`, from half a minute to ten.
    """
    if told is None:
        return None
    at = parse_timestamp(told)
    since = at - (parse_timestamp(start) if start else at)
    left = at + min(max(since, _FIRST_PAUSE), _LONGEST_PAUSE) - now
    return left if left > timedelta() else None


def pull_secrets(account: Manifest | None) -> list[str]:
    """Return the names of the Secrets with which the account's Pods pull."""
    listed: Sequence[Mapping[str, Any]] = (account or {}).get("imagePullSecrets") or ()
    return [str(one["name"]) for one in listed if one.get("name")][:16]


def asking_pod(
    asked: Sequence[str], account: tuple[str, Manifest | None], container: str, settings: Settings
) -> dict[str, Any]:
    """Return the template of the Pod that asks: labels to add to it, and its spec.

    It runs as the account that the images' own Pods have, with the Secrets by which they pull. It
    has no other volume, no token for the API server, and runs nothing of the user's.
    """
    name, live = account
    secrets = pull_secrets(live)
    at_azure = any(reference(image).is_at_azure for image in asked)
    mounts = [
        {"name": f"pull-{at}", "mountPath": f"{PULL_SECRETS_DIR}/{at}", "readOnly": True}
        for at, _ in enumerate(secrets)
    ]
    # Optional, as for the kubelet: without it the registry says what it lacks.
    volumes = [
        {
            "name": f"pull-{at}",
            "secret": {"secretName": secret, "optional": True, "defaultMode": 0o440},
        }
        for at, secret in enumerate(secrets)
    ]
    annotations = ((live or {}).get("metadata") or {}).get("annotations") or {}
    labels = {_USE: "true"} if at_azure and _CLIENT_ID in annotations else {}
    spec = {
        "serviceAccountName": name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security(),
        "containers": [
            {
                "name": container,
                "image": (settings.azure_image if at_azure else "") or settings.trainer_image,
                "imagePullPolicy": "IfNotPresent",
                "args": list(resolve_arguments(asked, settings.kubelet_client_id)),
                "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - the container's own
                "resources": {
                    "requests": {"cpu": "50m", "memory": "64Mi"},
                    "limits": {"memory": "256Mi"},
                },
                "securityContext": container_security(),
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": [*mounts, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
            }
        ],
        "volumes": [*volumes, {"name": "tmp", "emptyDir": {}}],
    }
    return {"metadata": {"labels": labels}, "spec": spec}


def job_spec(template: Manifest) -> dict[str, Any]:
    """Return the Job's spec around the Pod that asks; it asks once, who made it asks again."""
    evicted = {"type": "DisruptionTarget", "status": "True"}
    return {
        "backoffLimit": 1,
        "activeDeadlineSeconds": SECONDS,
        "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [evicted]}]},
        "template": template,
    }


def egress(asked: Sequence[str]) -> list[dict[str, Any]]:
    """Return where the Pod may go: registries outside or in the cluster, Azure's identities."""
    at_azure = any(reference(image).is_at_azure for image in asked)
    identities = {
        "to": [{"ipBlock": {"cidr": METADATA_ADDRESS}}],
        "ports": [{"protocol": "TCP", "port": 80}],
    }
    return [DNS, OUTSIDE, IN_CLUSTER, *([identities] if at_azure else [])]


COMMAND: Final = RESOLVE_COMMAND
