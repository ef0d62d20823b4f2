"""Kubeconfig files, written as JSON (every YAML reader takes it)."""

import base64
import json
from pathlib import Path


def kubeconfig(pki: Path, certificate: str, server: str) -> str:
    """Return a kubeconfig with everything embedded: it works wherever the file is copied to."""
    user = {
        "client-certificate-data": _encoded(pki / f"{certificate}.crt"),
        "client-key-data": _encoded(pki / f"{certificate}.key"),
    }
    authority = _encoded(pki / "ca.crt")
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "comal",
            "clusters": [
                {
                    "name": "comal",
                    "cluster": {"server": server, "certificate-authority-data": authority},
                }
            ],
            "users": [{"name": certificate, "user": user}],
            "contexts": [{"name": "comal", "context": {"cluster": "comal", "user": certificate}}],
        },
        indent=2,
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
