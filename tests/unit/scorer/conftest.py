from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unit.scorer.model_folders import Package, brightness, diabetes
from unit.scorer.registry_process import RegistryProcess
from unit.scorer.scorer_process import ScorerProcess

Start = Callable[..., ScorerProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start scorers that end with the test."""
    started: list[ScorerProcess] = []

    def begin(package: Package, **environment: str) -> ScorerProcess:
        started.append(ScorerProcess(package, tmp_path, **environment))
        return started[-1]

    yield begin
    for scorer in started:
        scorer.stop()


@pytest.fixture(scope="session")
def matrix_scorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScorerProcess]:
    """The diabetes model, served for all tests that only ask."""
    scorer = ScorerProcess(diabetes()[0], tmp_path_factory.mktemp("matrix")).wait_ready()
    yield scorer
    scorer.stop()


@pytest.fixture(scope="session")
def image_scorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScorerProcess]:
    """The brightness model, served for all tests that only ask."""
    folder = tmp_path_factory.mktemp("image")
    scorer = ScorerProcess(brightness(), folder, COMAL_MAX_IMAGE_PIXELS="1000000").wait_ready()
    yield scorer
    scorer.stop()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    """A real OCI distribution registry on loopback."""
    running = RegistryProcess(tmp_path_factory.mktemp("registry"))
    yield running
    running.stop()
