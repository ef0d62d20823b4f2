"""Certificates as cert-manager leaves them in a Secret."""

from __future__ import annotations

import subprocess
from pathlib import Path


def certificate(folder: Path, name: str) -> dict[str, str]:
    """Return tls.crt and tls.key of a new certificate for `name`."""
    folder.mkdir(exist_ok=True)
    key, made = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/O={folder.name}/CN={name}", "-keyout", str(key)),
            *("-addext", f"subjectAltName=DNS:{name}", "-out", str(made)),
        ],
        check=True,
        capture_output=True,
    )
    return {"tls.crt": made.read_text(), "tls.key": key.read_text()}
