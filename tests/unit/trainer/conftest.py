from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from comal_trainer.settings import Settings, settings_from
from unit.trainer.registry_process import RunningRegistry, running_registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_from(
        {"PATH": os.environ["PATH"], "COMAL_TERMINATION_LOG": str(tmp_path / "termination")},
        str(tmp_path / "workspace"),
    )
