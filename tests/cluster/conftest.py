"""The stories run on a real cluster with the operator installed: `make test` provides it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.paths import places
from demo.kubectl import Kubectl, KubectlError
from table_model import make_three

REPOSITORY = Path(__file__).resolve().parents[2]
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}
# Of each failure that a second run forgave.
_SHOWN = 4000


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """The cluster that `make up` made, or the one that KUBECONFIG names."""
    kubeconfig = Path(os.environ.get("KUBECONFIG") or places().kubeconfig)
    kubectl = Kubectl(places().tools / "kubectl", kubeconfig)
    try:
        kubectl.run("--namespace", "comal-system", "get", "deployment", "comal-operator")
    except (KubectlError, FileNotFoundError) as error:
        pytest.fail(f"no cluster with the operator: run `make up images install` first ({error})")
    return kubectl


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """The images that the cluster has, by target."""
    found: dict[str, str] = json.loads((REPOSITORY / ".build/images.json").read_text())
    return found


@contextmanager
def a_namespace(cluster: Kubectl, of: str) -> Iterator[Kubectl]:
    """A namespace in which Pod Security `restricted` is enforced, until the block ends."""
    name = f"story-{of}-{uuid.uuid4().hex[:4]}"
    metadata = {"name": name, "labels": RESTRICTED}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield cluster.within(name)
    if "COMAL_KEEP" not in os.environ:
        cluster.run("delete", "namespace", name, "--wait=false")


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Put the stories that share models side by side: then one process trains them, not each."""
    items.sort(key=lambda item: "served" not in item.fixturenames)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why a test had to be run again: else that is forgotten once it passes."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"RERUN {report.nodeid}")
        terminalreporter.write_line(report.longreprtext[-_SHOWN:])


@pytest.fixture
def kubectl(cluster: Kubectl, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """A namespace of the test's own."""
    module = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    with a_namespace(cluster, module) as inside:
        yield inside


@pytest.fixture(scope="session")
def with_models(cluster: Kubectl) -> Iterator[Kubectl]:
    """A namespace with the three versions of table_model.py, trained once for all its stories."""
    with a_namespace(cluster, "models") as inside:
        make_three(inside)
        yield inside


@pytest.fixture
def served(with_models: Kubectl) -> Iterator[Kubectl]:
    """The namespace with models, for endpoints of a name that no other story has."""
    yield with_models
    if "COMAL_KEEP" not in os.environ:
        with_models.run("delete", "mdep", "--all")
        # Those of a story that failed would go on, and count what the next one does.
        with_models.run("delete", "pod,configmap", "-l", "comal.dev/callers")
