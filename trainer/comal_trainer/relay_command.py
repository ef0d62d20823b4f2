"""The flags of what passes spans on to Azure Monitor, and how it is started."""

from __future__ import annotations

import tempfile
from pathlib import Path

from comal_trainer.contract.azure import CA_FILE
from comal_trainer.contract.spans import (
    CONNECTION_DIR,
    CONNECTION_FILE,
    RELAY_COMMAND,
    SPANS_PORT,
    read_insights,
)
from comal_trainer.flags import Commands, Flags


def declare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(RELAY_COMMAND, "pass spans on to Azure Monitor", _relay)
    parser.add_argument("--target", type=read_insights, required=True)
    parser.add_argument("--connection", type=Path, default=Path(CONNECTION_DIR, CONNECTION_FILE))
    parser.add_argument("--authorities", type=Path, default=Path(CA_FILE))
    parser.add_argument("--port", type=int, default=SPANS_PORT)
    parser.add_argument("--memory", type=Path)


def _relay(flags: Flags) -> None:
    from comal_trainer.spans.command import relay  # noqa: PLC0415

    given = flags.given
    relay(
        given.target,
        given.port,
        connection=given.connection,
        authorities=given.authorities,
        # Outlives the container, not the Pod. Only here: `follow` has no place for files.
        memory=given.memory or Path(tempfile.gettempdir(), "told"),
        environment=flags.settings.environment,
    )
