"""A model that somebody else registered in the workspace, with the SDK alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from fake_azure import entra
from fake_azure.bed import CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION, Bed
from table_model import MODEL

_REGISTER = """
import sys
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Model
from azure.identity import ClientSecretCredential
tenant, client, secret, subscription, group, workspace, path, name, version = sys.argv[1:]
login = ClientSecretCredential(tenant, client, secret)
there = MLClient(login, subscription, group, workspace, enable_telemetry=False, show_progress=False)
there.models.create_or_update(Model(path=path, name=name, version=version))
"""


def register(bed: Bed, folder: Path, name: str, version: str) -> None:
    """Put an ONNX file, and no word of ours beside it, into the workspace under that number.

    It answers one row of two numbers with 0 where the first is at most one, else with 1.
    """
    made = {"COMAL_PARAM_ROWS": "2", "COMAL_MODEL_DIR": str(folder)}
    _run(MODEL, {**made, "COMAL_METRICS_FILE": str(folder / "metrics.json")})
    for ours in ("model.yaml", "metrics.json"):
        (folder / ours).unlink()
    who = (entra.TENANT, CLIENT_ID, CLIENT_SECRET)
    where = (SUBSCRIPTION, bed.workspace.group, bed.workspace.name)
    _run(_REGISTER, bed.environment(), *who, *where, str(folder), name, version)


def _run(program: str, environment: Mapping[str, str], *arguments: str) -> None:
    # A process of its own: the SDK warns at its import, and tests take warnings for errors.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
