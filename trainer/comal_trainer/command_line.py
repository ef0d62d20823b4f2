"""`python -m comal_trainer <command>`: Comal's own jobs and the sample pipelines."""

from __future__ import annotations

from collections.abc import Mapping

from comal_trainer import built_in_commands, check_data_command, gateway_command, relay_command
from comal_trainer.flags import Command, Commands, Flags, Parser
from comal_trainer.pipelines import DECLARATIONS
from comal_trainer.settings import settings_from


def run(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Carry out one command; raises UserError, UnavailableError or OSError."""
    given = parser().parse_args(arguments)
    command: Command = given.command
    command(Flags(given, settings_from(environment, given.workspace)))


def parser() -> Parser:
    """Return the parser of all commands."""
    root = Parser(prog="comal_trainer", description="What runs in Comal's training Jobs.")
    shared = Parser(add_help=False)
    shared.add_argument("--workspace", help="folder of data, model and metrics")
    found = root.add_subparsers(dest="name", required=True, metavar="command")
    commands = Commands(found, shared)
    built_in_commands.declare(commands)
    check_data_command.declare(commands)
    gateway_command.declare(commands)
    relay_command.declare(commands)
    for declare in DECLARATIONS:
        declare(commands)
    return root
