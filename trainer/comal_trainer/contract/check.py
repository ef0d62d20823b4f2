"""One query to a Prometheus server and what its answer was found to be. Standard library only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Self

from comal_trainer.contract import ContractError, _Message, _text

CHECK_COMMAND: Final = "check"
TOKEN_VARIABLE: Final = "COMAL_CHECK_TOKEN"  # noqa: S105 - the name of a variable
STATES: Final = ("passed", "failed", "error")


@dataclass(frozen=True, slots=True)
class Query:
    """The query, and the bounds of every value that it gives."""

    address: str
    query: str
    min: str | None
    max: str | None
    timeout: float  # seconds
    tries: int


@dataclass(frozen=True, slots=True)
class Checked(_Message):
    """The answer of `check`: passed, failed, or error where nothing could be found out."""

    state: str
    message: str

    @classmethod
    def _read(cls, value: Any) -> Self:
        if value["state"] not in STATES:
            raise ContractError(f"{value['state']!r:.80} is none of {', '.join(STATES)}")
        return cls(value["state"], _text(value["message"]))


def check_arguments(query: Query) -> tuple[str, ...]:
    """Return the container arguments of the job that asks `query`."""
    fields = {name: getattr(query, name) for name in Query.__slots__}
    text = json.dumps(fields, separators=(",", ":"), sort_keys=True)
    # `$(X)` in an argument would be expanded by the kubelet; a query means the text.
    return CHECK_COMMAND, f"--query={text}".replace("$(", "$$(")


def read_query(text: str) -> Query:
    """Return the query of `check_arguments`; raise ContractError."""
    try:
        return Query(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise ContractError(f"--query is no query: {error}") from None
