"""Two revisions' answers to the same requests, and how they differ. Standard library only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Self

from comal_trainer.contract import ContractError, _Message, _text

COMPARE_COMMAND: Final = "compare"
SIDES_FLAG: Final = "--sides="
STATES: Final = ("compared", "error")


@dataclass(frozen=True, slots=True)
class Sides:
    """Where the answers of both are shown, and from when on they count."""

    candidate: tuple[str, ...]
    stable: tuple[str, ...]
    """Each as `http://10.0.0.7:8080`."""
    path: str
    header: str
    since: float  # seconds since the epoch: what came before was compared already
    until: float  # and what came after is for the next time
    tolerance: float
    timeout: float  # seconds


@dataclass(frozen=True, slots=True)
class Compared(_Message):
    """The answer of `compare`; error where nothing could be found out."""

    state: str
    message: str
    compared: int
    different: int
    greatest: float
    """The greatest difference of two numbers."""

    @classmethod
    def _read(cls, value: Any) -> Self:
        if value["state"] not in STATES:
            raise ContractError(f"{value['state']!r:.80} is none of {', '.join(STATES)}")
        compared, different = value["compared"], value["different"]
        if (
            type(compared) is not int
            or type(different) is not int
            or not 0 <= different <= compared
        ):
            raise ContractError(f"{different!r:.80} of {compared!r:.80} are no counts")
        message, greatest = _text(value["message"]), float(value["greatest"])
        return cls(value["state"], message, compared, different, greatest)


def compare_arguments(sides: Sides) -> tuple[str, ...]:
    """Return the container arguments of the job that compares."""
    fields = {name: getattr(sides, name) for name in Sides.__slots__}
    text = json.dumps(fields, separators=(",", ":"), sort_keys=True)
    return COMPARE_COMMAND, f"{SIDES_FLAG}{text}"


def read_sides(text: str) -> Sides:
    """Return what `compare_arguments` said; raise ContractError."""
    try:
        fields = json.loads(text)
        return Sides(
            **{
                **fields,
                "candidate": tuple(fields["candidate"]),
                "stable": tuple(fields["stable"]),
            }
        )
    except (TypeError, ValueError, KeyError) as error:
        raise ContractError(f"--sides are none: {error}") from None
