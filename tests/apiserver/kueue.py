"""The real Kueue (its controllers for Jobs and its scheduler) beside an API server or a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from cluster.gobuild import KUEUE, built
from cluster.paths import places
from cluster.tools import go

API = "kueue.x-k8s.io/v1beta2"


def crds() -> list[dict[str, Any]]:
    """Return Kueue's own CRDs, out of the module that its binary is built from."""
    told = subprocess.run(
        [go(places()), "mod", "download", "-json", "sigs.k8s.io/kueue"],
        cwd=KUEUE.sources,
        capture_output=True,
        text=True,
        check=True,
    )
    bases = Path(json.loads(told.stdout)["Dir"]) / "config" / "components" / "crd" / "bases"
    return [yaml.safe_load(file.read_text()) for file in sorted(bases.glob("kueue*.yaml"))]


def queue(name: str, namespace: str, cpu: str) -> list[dict[str, Any]]:
    """Return a LocalQueue of `namespace` and what stands behind it: so many CPUs."""
    flavor = {"name": name, "resources": [{"name": "cpu", "nominalQuota": cpu}]}
    group = {"coveredResources": ["cpu"], "flavors": [flavor]}
    return [
        {"apiVersion": API, "kind": "ResourceFlavor", "metadata": {"name": name}},
        {
            "apiVersion": API,
            "kind": "ClusterQueue",
            "metadata": {"name": name},
            "spec": {"namespaceSelector": {}, "resourceGroups": [group]},
        },
        {
            "apiVersion": API,
            "kind": "LocalQueue",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"clusterQueue": name},
        },
    ]


@contextmanager
def running(kubeconfig: Path) -> Iterator[Callable[[], str]]:
    """Run Kueue against that API server; the value returns what it logged."""
    binary = built(places(), KUEUE) / "kueue"
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    with tempfile.NamedTemporaryFile("w+") as log:
        process = subprocess.Popen([str(binary)], env=environment, stdout=log, stderr=log)
        try:
            yield lambda: Path(log.name).read_text()[-3000:]
        finally:
            process.terminate()
            process.wait(timeout=20)
