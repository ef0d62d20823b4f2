"""A real implementation of the Gateway API (Traefik) beside an API server."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from apiserver.server import ApiServer
from cluster.gobuild import KUEUE
from cluster.paths import places
from cluster.tools import go

API = "gateway.networking.k8s.io/v1"


def crds() -> list[dict[str, Any]]:
    """Return the Gateway API's own CRDs, out of its Go module, which Kueue depends on."""
    told = subprocess.run(
        [go(places()), "mod", "download", "-json", "sigs.k8s.io/gateway-api"],
        cwd=KUEUE.sources,
        capture_output=True,
        text=True,
        check=True,
    )
    folder = Path(json.loads(told.stdout)["Dir"]) / "config" / "crd" / "standard"
    found = [yaml.safe_load(file.read_text()) for file in sorted(folder.glob("*.yaml"))]
    return [one for one in found if one["kind"] == "CustomResourceDefinition"]


def gateway(name: str, port: int) -> list[dict[str, Any]]:
    """Return a GatewayClass of Traefik's and a Gateway that listens on `port`."""
    listener = {"name": "web", "port": port, "protocol": "HTTP"}
    return [
        {
            "apiVersion": API,
            "kind": "GatewayClass",
            "metadata": {"name": name},
            "spec": {"controllerName": "traefik.io/gateway-controller"},
        },
        {
            "apiVersion": API,
            "kind": "Gateway",
            "metadata": {"name": name},
            "spec": {"gatewayClassName": name, "listeners": [listener]},
        },
    ]


@contextmanager
def running(server: ApiServer, port: int) -> Iterator[Callable[[], str]]:
    """Run Traefik against that API server; the value returns what it logged."""
    provider = "--providers.kubernetesgateway"
    command = [
        str(Path(sys.executable).with_name("traefik")),
        f"--entrypoints.web.address=:{port}",
        f"{provider}=true",
        f"{provider}.endpoint={server.url}",
        f"{provider}.token=admin",
        f"{provider}.certauthfilepath={server.authority}",
        "--log.level=INFO",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    with tempfile.NamedTemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield lambda: Path(log.name).read_text()[-3000:]
        finally:
            process.terminate()
            process.wait(timeout=20)
