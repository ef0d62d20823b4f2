"""The commands a person types: up, down, status, load, gpus, restart, kubeconfig."""

import argparse
import sys
from collections.abc import Sequence

from cluster import context, gpus, kind
from cluster.commands import ClusterError
from cluster.load import load
from cluster.node import lifecycle
from cluster.paths import Places, places
from cluster.provider import Machine, Provider, choose, look

_WHICH_NODE = "the node that says so; needed only where there are several"


def main(argv: Sequence[str]) -> int:
    """Return the exit status: 1 with one message when something is wrong."""
    arguments = _parser().parse_args(argv)
    folders = places()
    try:
        machine = look(folders)
        provider = choose(machine)
        output = _run(arguments, provider, machine, folders)
    except ClusterError as error:
        sys.stderr.write(f"cluster: {error}\n")
        return 1
    if output:
        sys.stdout.write(f"{output}\n")
    return 0


def _run(
    arguments: argparse.Namespace, provider: Provider, machine: Machine, folders: Places
) -> str:
    match arguments.command:
        case "up":
            _up(provider, machine, folders)
            if arguments.gpus is not None:
                gpus.advertise(folders, arguments.gpus, arguments.node)
        case "gpus":
            gpus.advertise(folders, arguments.count, arguments.node)
        case "down":
            _down(provider, folders)
        case "status":
            return _status(provider, machine, folders)
        case "load":
            load(folders, provider, machine.engine, tuple(arguments.images))
        case "restart":
            if provider is not Provider.NODE:
                raise ClusterError("only daemons of the local node can be restarted")
            lifecycle.restart(folders, arguments.daemon)
        case "kubeconfig":
            return str(folders.kubeconfig)
    return ""


def _up(provider: Provider, machine: Machine, folders: Places) -> None:
    match provider:
        case Provider.CONTEXT:
            context.up(folders, machine.context)
        case Provider.KIND:
            kind.up(folders)
        case Provider.NODE:
            lifecycle.up(folders)


def _down(provider: Provider, folders: Places) -> None:
    match provider:
        case Provider.CONTEXT:
            context.down(folders)
        case Provider.KIND:
            kind.down(folders)
        case Provider.NODE:
            lifecycle.down(folders)


def _status(provider: Provider, machine: Machine, folders: Places) -> str:
    match provider:
        case Provider.CONTEXT:
            return context.status(folders, machine.context)
        case Provider.KIND:
            return kind.status(folders)
        case Provider.NODE:
            return lifecycle.status(folders)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up_command = commands.add_parser("up", help="a Ready cluster, whatever there was before")
    up_command.add_argument("--gpus", type=int, metavar="N", help="as the command `gpus`")
    up_command.add_argument("--node", default="", help=_WHICH_NODE)
    commands.add_parser("down", help="remove it; caches stay")
    commands.add_parser("status", help="what runs, and where its files lie")
    commands.add_parser("kubeconfig", help="print the path of the kubeconfig")
    gpus_command = commands.add_parser(
        "gpus", help=f"make a node say that it has N {gpus.RESOURCE}, to try scheduling; 0: none"
    )
    gpus_command.add_argument("count", type=int, metavar="N")
    gpus_command.add_argument("--node", default="", help=_WHICH_NODE)
    restart_command = commands.add_parser(
        "restart", help="kill a daemon of the local node, to see what notices"
    )
    restart_command.add_argument("daemon", help="such as kube-apiserver")
    load_command = commands.add_parser("load", help="bring locally built images into it")
    load_command.add_argument("images", nargs="*", help="default: all of .build/images.json")
    return parser
