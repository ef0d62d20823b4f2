"""Go programs from the committed modules under build/, cached by everything they are made from."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster.commands import ClusterError, run, say
from cluster.paths import SOURCES, Places
from cluster.tools import go

KUBERNETES_VERSION = "v1.34.4"
_SHOWN_EVERY = 200


@dataclass(frozen=True)
class GoModule:
    """One folder under build/: what to build in it and what comes out."""

    folder: str
    packages: str
    binaries: tuple[str, ...]
    ldflags: str = "-s -w"

    @property
    def sources(self) -> Path:
        """The committed folder with its go.mod and go.sum."""
        return SOURCES / "build" / self.folder


_VERSION_PACKAGE = "k8s.io/component-base/version"
KUBERNETES = GoModule(
    folder="kubernetes",
    packages="tool",
    binaries=(
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubectl",
        "kubelet",
    ),
    ldflags=" ".join(
        (
            "-s -w",
            f"-X {_VERSION_PACKAGE}.gitVersion={KUBERNETES_VERSION}",
            f"-X {_VERSION_PACKAGE}.gitMajor=1",
            f"-X {_VERSION_PACKAGE}.gitMinor=34",
            f"-X {_VERSION_PACKAGE}.gitTreeState=clean",
        )
    ),
)
COREDNS = GoModule(folder="coredns", packages=".", binaries=("coredns",))
LOCAL_PATH = GoModule(
    folder="local-path-provisioner", packages="tool", binaries=("local-path-provisioner",)
)
METRICS_SERVER = GoModule(folder="metrics-server", packages="tool", binaries=("metrics-server",))
# Not part of a cluster: tests run it beside one.
KUEUE = GoModule(folder="kueue", packages=".", binaries=("kueue",))
# Neither: what GitOps tools make of our objects, by their own libraries.
GITOPS = GoModule(folder="gitops", packages=".", binaries=("gitops",))


def cache_key(module: GoModule, go_version: str) -> str:
    """Twelve hex digits that change with any input of the build."""
    digest = hashlib.sha256()
    digest.update(f"{go_version}\n{module.packages}\n{module.ldflags}\n".encode())
    for source in sorted(module.sources.iterdir()):
        if source.name in {"go.mod", "go.sum"} or source.suffix == ".go":
            digest.update(f"{source.name}\n".encode() + source.read_bytes())
    return digest.hexdigest()[:12]


def built(places: Places, module: GoModule) -> Path:
    """Return the folder with the module's binaries; build them when this build is not cached."""
    compiler = go(places)
    version = run([compiler, "env", "GOVERSION"]).strip()
    folder = places.cache / "go" / f"{module.folder}-{cache_key(module, version)}"
    if all((folder / binary).exists() for binary in module.binaries):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Test processes that start side by side: one builds, the others wait for it.
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((folder / binary).exists() for binary in module.binaries):
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            _build(compiler, module, unfinished)
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.rename(folder)
    return folder


def _build(compiler: str, module: GoModule, target: Path) -> None:
    say(f"building {module.folder} with Go: fetching its modules")
    environment = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    listed = run([compiler, "list", "-deps", module.packages], cwd=module.sources, env=environment)
    total = len(listed.splitlines())
    say(f"building {module.folder}: {total} packages to compile (cached ones are skipped)")
    argv = [compiler, "build", "-v", "-trimpath", "-ldflags", module.ldflags]
    with subprocess.Popen(
        [*argv, "-o", f"{target}/", module.packages],
        cwd=module.sources,
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        tail = _follow(process, module.folder, total)
    if process.returncode:
        raise ClusterError(f"building {module.folder} failed:\n  " + "\n  ".join(tail))


def _follow(process: subprocess.Popen[str], name: str, total: int) -> list[str]:
    """Report the compiler's progress; return its last lines for an error message."""
    tail: list[str] = []
    compiled = 0
    for line in process.stderr or ():
        tail = [*tail[-14:], line.rstrip()]
        # With -v the compiler names each package on a line of its own.
        if re.fullmatch(r"[\w./~-]+\n?", line):
            compiled += 1
            if compiled % _SHOWN_EVERY == 0:
                say(f"building {name}: {compiled} of up to {total} packages")
    return tail
