"""The builders: docker and podman with their engines, buildah where there is none."""

import configparser
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from cluster.commands import ClusterError, attempt, run, say
from cluster.layout import Layout
from cluster.paths import REPOSITORY
from cluster.tools import install_commands

_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
_CERTIFICATES_IN_BUILD = "/run/secrets/certificates"
_SHOWN_SECONDS = 15.0


@dataclass(frozen=True)
class Build:
    """One image to build."""

    target: str
    image: str
    arguments: dict[str, str]


def prepare(engine: str) -> str:
    """Return the builder's name; install buildah where no engine answers."""
    if engine:
        return engine
    install_commands({"buildah": "buildah"})
    return "buildah"


def exists(builder: str, image: str) -> bool:
    """Whether the builder's own store holds the image."""
    inspect = ["inspect", "--type", "image", image]
    return attempt([builder, *inspect]).returncode == 0


def command(builder: str, build: Build, secrets: dict[str, Path]) -> tuple[str, ...]:
    """Return the command line that builds the image from the current folder."""
    # Control groups of both versions at once stop every other isolation of buildah.
    isolation = ("--isolation", "chroot", "--layers") if builder == "buildah" else ()
    return (
        builder,
        "build",
        *isolation,
        "--target",
        build.target,
        "--tag",
        build.image,
        *(f"--build-arg={name}={value}" for name, value in sorted(build.arguments.items())),
        *(f"--secret=id={name},src={path}" for name, path in sorted(secrets.items())),
        ".",
    )


def pip_secrets(folder: Path) -> dict[str, Path]:
    """How this machine reaches the package index, for the build alone: no image keeps it."""
    settings = configparser.ConfigParser()
    settings["global"] = {"disable-pip-version-check": "true", "root-user-action": "ignore"}
    if index := os.environ.get("PIP_INDEX_URL"):
        settings["global"]["index-url"] = index
    secrets = {"pip.conf": folder / "pip.conf"}
    bundle = next((os.environ[name] for name in _CERTIFICATES if os.environ.get(name)), "")
    if bundle:
        settings["global"]["cert"] = _CERTIFICATES_IN_BUILD
        secrets["certificates"] = Path(bundle)
    folder.mkdir(parents=True, exist_ok=True)
    with secrets["pip.conf"].open("w") as handle:
        settings.write(handle)
    return secrets


def build_image(builder: str, build: Build, secrets: dict[str, Path], log: Path) -> None:
    """Build with progress: what the builder does is shown every few seconds, all of it logged."""
    say(f"building {build.target}")
    tail: list[str] = []
    shown = time.monotonic()
    with (
        log.open("w") as handle,
        subprocess.Popen(
            command(builder, build, secrets),
            cwd=REPOSITORY,
            env=os.environ | {"DOCKER_BUILDKIT": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        for line in process.stdout or ():
            handle.write(line)
            tail = [*tail[-14:], line.rstrip()]
            if time.monotonic() - shown > _SHOWN_SECONDS:
                shown = time.monotonic()
                say(f"building {build.target}: {line.strip()[:100]}")
    if process.returncode:
        raise ClusterError(f"building {build.target} failed (all of it: {log}):\n  "
                           + "\n  ".join(tail))  # fmt: skip


def export(builder: str, image: str, layout: Layout) -> None:
    """Bring the image into the layout; layers that are there already are not written again."""
    if builder == "buildah" and not layout.holds(image):
        say(f"packing the new layers of {image}")
        with layout.receiving(image) as place:
            # The fastest packing: these blobs travel only within this machine.
            run(["buildah", "push", "-q", "--compression-format", "zstd", image, place])


def remove_others(builder: str, images: dict[str, str]) -> None:
    """Remove earlier images of the targets: buildah looks through every one at each build."""
    names = run([builder, "images", "--format", "{{.Name}}:{{.Tag}}"]).split()
    others = [name for target, image in images.items() for name in names
              if name.startswith(f"localhost/comal/{target}:") and name != image]  # fmt: skip
    if others:
        # One that another build uses right now stays, and the next build tries again.
        attempt([builder, "rmi", *others])
