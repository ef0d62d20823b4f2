"""The node's image store: what is in it, and bringing archives in."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from cluster.commands import ClusterError, attempt, run, say
from cluster.paths import Places
from cluster.tools import unpack

_NAMESPACE = "k8s.io"
_SECONDS = 30.0


def stored(places: Places) -> frozenset[str]:
    """Return the names of the images in the store. The node must be up."""
    return frozenset(run([*_ctr(places), "images", "ls", "-q"]).split())


def import_archive(places: Places, name: str, archive: Path) -> None:
    """Import the archive unless an image of that name is there already."""
    _wait_for_socket(places)
    if name in stored(places):
        return
    say(f"importing {name} into the node")
    run([*_ctr(places), "images", "import", "--no-unpack=false", archive])


def stored_blobs(places: Places) -> frozenset[str]:
    """Return the digests of all blobs in the store."""
    return frozenset(run([*_ctr(places), "content", "ls", "-q"]).split())


def import_stream(places: Places, name: str, write: Callable[[IO[bytes]], None]) -> None:
    """Import the archive that ``write`` produces, without a file between."""
    say(f"importing {name} into the node")
    with subprocess.Popen(
        [*_ctr(places), "images", "import", "--digests=false", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            with cast("IO[bytes]", process.stdin) as pipe:
                write(pipe)
        except BrokenPipeError:
            # ctr has given up; its own message below says why.
            pass
        problem = cast("IO[bytes]", process.stderr).read().decode().strip()
    if process.returncode:
        raise ClusterError(f"importing {name} into the node failed: {problem}")


def tidy_store(places: Places, wanted: Callable[[str], bool]) -> None:
    """Remove what a former node left in the store but the ``wanted`` images.

    The store outlives the node for its images; kubelet would take its containers for Pods of its
    own. To be called while no containerd runs: it starts one that knows of nothing but the store.
    """
    if not (places.images / "io.containerd.metadata.v1.bolt" / "meta.db").exists():
        return
    settings = places.config / "containerd-store.toml"
    settings.write_text(
        f'version = 2\nroot = "{places.images}"\nstate = "{places.state}/store"\n'
        f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{places.socket}"\n'
    )
    program = unpack(places, "containerd")
    with (places.logs / "containerd-store.log").open("ab") as log:
        process = subprocess.Popen([program, "--config", settings], stdout=log, stderr=log)
    try:
        _wait_for_socket(places)
        if containers := run([*_ctr(places), "containers", "ls", "-q"]).split():
            run([*_ctr(places), "containers", "rm", *containers])
        if unwanted := [image for image in sorted(stored(places)) if not wanted(image)]:
            run([*_ctr(places), "images", "rm", *unwanted])
    finally:
        process.terminate()
        process.wait()
        places.socket.unlink(missing_ok=True)


def _wait_for_socket(places: Places) -> None:
    deadline = time.monotonic() + _SECONDS
    while attempt([*_ctr(places), "version"]).returncode:
        if time.monotonic() > deadline:
            raise ClusterError(f"containerd does not answer: see {places.logs}/containerd.log")
        time.sleep(0.05)


def _ctr(places: Places) -> tuple[str | Path, ...]:
    ctr = unpack(places, "containerd").with_name("ctr")
    return (ctr, "-a", places.socket, "-n", _NAMESPACE)
