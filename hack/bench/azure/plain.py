"""Plain calls of azure-ai-ml, as anybody would write them: what our commands are beside."""

from __future__ import annotations

import os
import sys

from azure.ai.ml import MLClient
from azure.ai.ml.entities import Model
from azure.identity import EnvironmentCredential


def main(what: str, name: str, folder: str) -> None:
    """Register the folder as version 1 of a model, or download that version into it."""
    client = MLClient(
        EnvironmentCredential(),
        os.environ["SUBSCRIPTION"],
        os.environ["GROUP"],
        os.environ["WORKSPACE"],
        enable_telemetry=False,
        show_progress=False,
    )
    if what == "register":
        client.models.create_or_update(Model(path=folder, name=name, version="1"))
    else:
        client.models.download(name, "1", download_path=folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
