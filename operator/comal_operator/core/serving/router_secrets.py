"""Secrets of others that the routers' Pods mount: keys of callers, a certificate."""

from __future__ import annotations

from typing import Any

from comal_operator.api.access import Access
from comal_operator.core.children import child_metadata
from comal_operator.core.names import child_name
from comal_operator.core.plan import Manifest
from comal_operator.core.serving.keys import KEYS
from comal_operator.core.serving.labels import ENDPOINT, serving_labels
from comal_operator.core.serving.listeners import Places
from comal_operator.core.serving.transport import CERTIFICATE, PRIVATE_KEY

# On the routers' Deployment: we may not look whether the Secret that we made is there.
KEYS_ANNOTATION = "comal.dev/router-keys"


def keys_secret_name(mdep: Manifest, access: Access) -> str | None:
    """Return the name of the Secret with the keys; None where callers need none."""
    if access.auth != "Keys":
        return None
    given = access.keys.secret_name if access.keys else None
    return given or child_name(mdep["metadata"]["name"], "keys")


def makes_keys(access: Access) -> bool:
    """Return whether the keys are ours to make."""
    return access.auth == "Keys" and not (access.keys and access.keys.secret_name)


def keys_secret(mdep: Manifest) -> Manifest:
    """Return the Secret that is made once, with two random keys; people may change them."""
    name = child_name(mdep["metadata"]["name"], "keys")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": child_metadata(mdep, name, serving_labels(mdep, ENDPOINT)),
        "type": "Opaque",
    }


def mounted(mdep: Manifest, access: Access, places: Places) -> list[tuple[dict[str, Any], str]]:
    """Return volumes, each with the folder where the routers find its files.

    Each lists the files it needs: a Pod waits for a Secret that lacks one, and the kubelet says
    which, while the routers that run go on.
    """
    found = []
    keys = keys_secret_name(mdep, access)
    if keys is not None:
        found.append((_volume("keys", keys, KEYS), places.keys_folder))
    if access.tls is not None:
        files = (CERTIFICATE, PRIVATE_KEY)
        found.append((_volume("tls", access.tls.secret_name, files), places.tls_folder))
    return found


def _volume(name: str, secret: str, files: tuple[str, ...]) -> dict[str, Any]:
    items = [{"key": file, "path": file} for file in files]
    return {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440, "items": items}}
