"""Flags of a command, and where a value comes from: flag, else the run's parameter, else the seed.

Each pipeline declares its own flags; this is what they share.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from comal_trainer.contract import ExitCode
from comal_trainer.failure import UserError
from comal_trainer.settings import Settings, number_in, whole_number_in


class Parser(argparse.ArgumentParser):
    """argparse that ends with the exit code that retry rules call fatal."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError instead of leaving the process."""
        raise UserError(f"{message}; see {self.prog} --help", ExitCode.USAGE)


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags of one command line, with the settings that complete them."""

    given: argparse.Namespace
    settings: Settings

    def text(self, name: str, default: str) -> str:
        """Return a value as text."""
        flag: str | None = getattr(self.given, name)
        return self.settings.parameter(name, default) if flag is None else flag

    def number(self, name: str, default: str, least: float, most: float) -> float:
        """Return a decimal in [least, most]; raise UserError."""
        return number_in(name, self.text(name, default), least, most)

    def whole(self, name: str, default: str, least: int, most: int) -> int:
        """Return a whole number in [least, most]; raise UserError."""
        return whole_number_in(name, self.text(name, default), least, most)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """Return one of the allowed words; raise UserError."""
        value = self.text(name, default)
        if value not in allowed:
            message = f"{name}: {value!r:.80} is not one of {', '.join(allowed)}"
            raise UserError(message, ExitCode.USAGE)
        return value


Command = Callable[[Flags], None]


@dataclass(frozen=True, slots=True)
class Commands:
    """A group of commands to add to, each with the flags that all commands have."""

    parsers: Any  # argparse has no public name for it
    shared: Parser

    def add(self, name: str, told: str, command: Command) -> Parser:
        """Return the parser of a new command, to which its own flags can be added."""
        parser: Parser = self.parsers.add_parser(name, parents=[self.shared], help=told)
        parser.set_defaults(command=command)
        return parser

    def pipeline(self, name: str, told: str) -> Commands:
        """Return the group of a pipeline's steps: `comal_trainer <pipeline> <step>`."""
        parser = self.parsers.add_parser(name, help=told)
        steps = parser.add_subparsers(dest="step", required=True, metavar="step")
        return Commands(steps, self.shared)


def parameters(parser: Parser, told: Mapping[str, str]) -> None:
    """Add a flag for each parameter of the run that a step reads."""
    for name, meaning in told.items():
        parser.add_argument(f"--{name}", help=f"{meaning} (or the parameter {name})")
