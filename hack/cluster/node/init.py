"""The node's first process: lives in namespaces of its own and keeps the daemons running.

Started as ``unshare … python3 init.py SPEC``. When it dies, the kernel ends every process, mount
and interface of the node with it: nothing is left to clean up but control groups and files.
It imports nothing of ours, so that it goes on when the working tree changes under it.
"""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

_POLL_SECONDS = 0.05
_RESTART_SECONDS = 1.0
# All daemons are Go programs with small heaps: collecting garbage a quarter as often, up to a heap
# of 1 GiB, leaves more of a machine's two cores to what runs on it.
_DAEMONS_ENVIRONMENT = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


def _mount_private_folders(spec: dict[str, Any]) -> None:
    # kubelet needs a shared root, or volumes that it mounts later never reach its containers.
    _run("mount", "--make-rshared", "/")
    for folder in spec["empty"]:
        Path(folder).mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    for source, target in spec["bound"].items():
        Path(source).mkdir(parents=True, exist_ok=True)
        Path(target).mkdir(parents=True, exist_ok=True)
        _run("mount", "--bind", source, target)
    # kubelet sets these for the whole machine. Shown the values it wants, it leaves them alone.
    for setting, value in spec["sysctls"].items():
        stand_in = Path(spec["folder"]) / setting.replace("/", "-")
        stand_in.write_text(f"{value}\n")
        _run("mount", "--bind", str(stand_in), f"/proc/sys/{setting}")


def _configure_network(spec: dict[str, Any]) -> None:
    _run("ip", "link", "set", "lo", "up")
    while subprocess.run(
        ("ip", "link", "show", "eth0"), capture_output=True, check=False
    ).returncode:
        time.sleep(_POLL_SECONDS)
    _run("ip", "addr", "add", spec["address"], "dev", "eth0")
    _run("ip", "link", "set", "eth0", "up")
    _run("ip", "route", "add", "default", "via", spec["gateway"])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


class Daemon:
    """One program: started when what it waits for is there, started again whenever it ends."""

    def __init__(self, spec: dict[str, Any], logs: Path) -> None:
        self.name: str = spec["name"]
        self._argv: list[str] = spec["argv"]
        self._after: str = spec["after"]
        self._log = logs / f"{self.name}.log"
        self._not_before = 0.0
        self.pid = 0

    def may_start(self, api: "ApiServer") -> bool:
        """Whether it is not running and what it waits for is there."""
        if self.pid or time.monotonic() < self._not_before:
            return False
        if self._after == "api":
            return api.ready()
        return not self._after or Path(self._after).exists()

    def start(self) -> None:
        """Start the program, its output going to its log."""
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | _DAEMONS_ENVIRONMENT,
                start_new_session=True,
            )
        self.pid = process.pid
        # waitpid(-1) below collects it; the object must not try to do so as well.
        process.returncode = 0

    def ended(self, status: int) -> None:
        """Note in its log that it ended, and plan its next start."""
        with self._log.open("a") as log:
            log.write(f"--- {self.name} ended with wait status {status}; starting it again\n")
        self.pid = 0
        self._not_before = time.monotonic() + _RESTART_SECONDS


class ApiServer:
    """Whether the API server has finished starting: others fail when they come before that."""

    def __init__(self, url: str, authority: str) -> None:
        self._url = url
        self._context = ssl.create_default_context(cafile=authority)
        self._seen_ready = False

    def ready(self) -> bool:
        """Whether it has been ready once; it is not asked again after that."""
        if not self._seen_ready:
            try:
                with urllib.request.urlopen(  # noqa: S310  (always https, from our own spec)
                    self._url, context=self._context, timeout=2
                ) as answer:
                    self._seen_ready = answer.status == 200
            except (urllib.error.URLError, OSError):
                return False
        return self._seen_ready


def _collect_ended(daemons: list[Daemon]) -> None:
    """Process 1 inherits every orphan of the node, containers' supervisors included."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        for daemon in daemons:
            if daemon.pid == pid:
                daemon.ended(status)


def main(spec_file: str) -> None:
    """Never returns while the node lives."""
    spec = json.loads(Path(spec_file).read_text())
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    _mount_private_folders(spec)
    _configure_network(spec)
    api = ApiServer(spec["ready_url"], spec["authority"])
    daemons = [Daemon(daemon, Path(spec["logs"])) for daemon in spec["daemons"]]
    while True:
        _collect_ended(daemons)
        for daemon in daemons:
            if daemon.may_start(api):
                daemon.start()
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
