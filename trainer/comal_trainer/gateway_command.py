"""The gateway's flags, and how it is started."""

from __future__ import annotations

from pathlib import Path

from comal_trainer.contract import CREDENTIALS_DIR
from comal_trainer.contract.azure import CA_FILE
from comal_trainer.contract.gateway import GATEWAY_COMMAND, UPSTREAM_DIR, read_upstream
from comal_trainer.flags import Commands, Flags


def declare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(GATEWAY_COMMAND, "stand before a registry elsewhere", _gateway)
    parser.add_argument("--target", type=read_upstream, required=True)
    parser.add_argument("--login", type=Path, default=Path(UPSTREAM_DIR))
    parser.add_argument("--authorities", type=Path, default=Path(CA_FILE))
    parser.add_argument("--credentials", type=Path, default=Path(CREDENTIALS_DIR))
    parser.add_argument("--writer", type=int, default=5000)
    parser.add_argument("--reader", type=int, default=5001)


def _gateway(flags: Flags) -> None:
    from comal_trainer.gateway.command import Doors, gateway  # noqa: PLC0415

    given = flags.given
    gateway(
        given.target,
        Doors(given.writer, given.reader, given.credentials),
        login=given.login,
        authorities=given.authorities,
        environment=flags.settings.environment,
    )
