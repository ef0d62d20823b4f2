"""`images build [TARGET …]`: build what changed, load it, and say what it is called."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.commands import ClusterError, say
from cluster.layout import Layout
from cluster.load import IMAGES_FILE, load
from cluster.paths import REPOSITORY, Places, places
from cluster.provider import Provider, choose, look
from images.base import base_image
from images.builder import Build, build_image, exists, export, pip_secrets, prepare, remove_others
from images.content import tag
from images.dockerfile import defaults, needed, stages

TARGETS = ("operator", "trainer", "scorer", "router", "registry")
# Built and loaded only by name: what few clusters need, and mostly gigabytes.
ON_REQUEST = ("azure", "scorer-tensorflow", "trainer-gpu")
ENVIRONMENT_FILE = IMAGES_FILE.with_suffix(".env")


def main(argv: Sequence[str]) -> int:
    """Run the command; the exit status is 1, with one message, when something is wrong."""
    arguments = _parser().parse_args(argv)
    folders = places()
    try:
        machine = look(folders)
        provider = choose(machine)
        wanted = tuple(arguments.targets or arguments.target) or TARGETS
        if arguments.command == "build":
            # The local node takes images as buildah lays them out; only kind reads an engine's.
            engine = "" if provider is Provider.NODE else machine.engine
            build(folders, engine, wanted)
        if arguments.command == "load" or not arguments.no_load:
            load(folders, provider, machine.engine, to_load(_known(), wanted))
    except ClusterError as error:
        sys.stderr.write(f"images: {error}\n")
        return 1
    return 0


def build(folders: Places, engine: str, targets: tuple[str, ...]) -> None:
    """Build each target whose inputs changed, and write .build/images.json and images.env."""
    known = (*TARGETS, *ON_REQUEST)
    if unknown := [target for target in targets if target not in known]:
        raise ClusterError(f"no image is called {unknown[0]}: choose among {', '.join(known)}")
    builder = prepare(engine)
    text = (REPOSITORY / "Dockerfile").read_text()
    arguments = _arguments(folders, builder)
    all_stages = stages(text, defaults(text) | arguments)
    IMAGES_FILE.parent.mkdir(exist_ok=True)
    secrets = pip_secrets(IMAGES_FILE.parent)
    layout = Layout(folders.layout)
    images = held(_known(), layout) if builder == "buildah" else _known()
    for target in targets:
        image = f"localhost/comal/{target}:{tag(needed(target, all_stages), REPOSITORY)}"
        if not exists(builder, image):
            log = IMAGES_FILE.parent / f"{target}.log"
            build_image(builder, Build(target, image, arguments), secrets, log)
        export(builder, image, layout)
        images[target] = image
    _write(images)
    if builder == "buildah":
        layout.keep(tuple(images.values()))
        remove_others(builder, images)
    say(f"built: {', '.join(images[target] for target in targets)}")


def _arguments(folders: Places, builder: str) -> dict[str, str]:
    """Choose what to build on: the projects' own images where an engine can pull them."""
    chosen = {
        name: os.environ[f"COMAL_{name}"]
        for name in ("BASE_IMAGE", "ROUTER_BASE", "REGISTRY_BASE")
        if os.environ.get(f"COMAL_{name}")
    }
    if builder != "buildah":
        return chosen
    ours = {"ROUTER_BASE": "router-from-pypi", "REGISTRY_BASE": "registry-from-debian"}
    if "BASE_IMAGE" not in chosen:
        ours["BASE_IMAGE"] = base_image(folders)
    return ours | chosen


def _known() -> dict[str, str]:
    """Return the images of the last build, so that building one target forgets no other."""
    if not IMAGES_FILE.exists():
        return {}
    return {
        str(target): str(image) for target, image in json.loads(IMAGES_FILE.read_text()).items()
    }


def held(built: dict[str, str], layout: Layout) -> dict[str, str]:
    """Return those of `built` that are still there: another checkout may have tidied up since."""
    return {target: image for target, image in built.items() if layout.holds(image)}


def to_load(built: dict[str, str], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the images that belong in the cluster: all usual ones, the others only by name."""
    return tuple(
        image for target, image in built.items() if target not in ON_REQUEST or target in wanted
    )


def _write(images: dict[str, str]) -> None:
    IMAGES_FILE.write_text(json.dumps(images, indent=2, sort_keys=True) + "\n")
    lines = [
        f"COMAL_{target.upper().replace('-', '_')}_IMAGE={image}"
        for target, image in sorted(images.items())
    ]
    Path(ENVIRONMENT_FILE).write_text("\n".join(lines) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="images", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build_command = commands.add_parser("build", help="build what changed and load it")
    load_command = commands.add_parser("load", help="load the images of the last build")
    for command in (build_command, load_command):
        names = f"{', '.join(TARGETS)}; only by name: {', '.join(ON_REQUEST)}"
        command.add_argument("targets", nargs="*", metavar="TARGET", help=names)
        command.add_argument("--target", action="append", default=[], help="the same, by an option")
    build_command.add_argument("--no-load", action="store_true", help="leave the cluster alone")
    return parser
