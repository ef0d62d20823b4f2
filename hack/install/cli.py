"""`install up|down [--namespace NAME]`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.commands import ClusterError
from cluster.kubectl import kubectl
from cluster.load import IMAGES_FILE
from cluster.paths import REPOSITORY, places
from install.calls import Calls
from install.overlay import DEFAULT_NAMESPACE, overlay, read_images, write
from install.rollout import bring, remove

OVERLAY = REPOSITORY / ".build" / "overlay"


def main(argv: Sequence[str]) -> int:
    """Run the command; the exit status is 1, with one message, when something is wrong."""
    arguments = _parser().parse_args(argv)
    try:
        calls = _calls()
        if arguments.command == "up":
            images = read_images(IMAGES_FILE)
            write(OVERLAY, overlay(images, arguments.namespace))
            bring(calls, OVERLAY, arguments.namespace)
        else:
            write(OVERLAY, overlay({}, arguments.namespace))
            remove(calls, OVERLAY, arguments.namespace)
    except ClusterError as error:
        sys.stderr.write(f"install: {error}\n")
        return 1
    return 0


def _calls() -> Calls:
    folders = places()
    kubeconfig = Path(os.environ.get("KUBECONFIG") or folders.kubeconfig)
    if not kubeconfig.exists():
        raise ClusterError(f"there is no cluster ({kubeconfig} is missing): run `make up` first")
    return Calls(kubectl(folders), kubeconfig)


def _namespace(text: str) -> str:
    if len(text) > 63 or re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", text) is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no namespace: lower-case letters, digits and dashes, at most 63"
        )
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="install", description=__doc__)
    parser.add_argument("command", choices=("up", "down"))
    parser.add_argument(
        "--namespace",
        type=_namespace,
        default=DEFAULT_NAMESPACE,
        help="where the operator runs (default: %(default)s)",
    )
    return parser
