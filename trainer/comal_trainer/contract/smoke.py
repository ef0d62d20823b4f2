"""One request to a candidate and what its answer was found to be. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from comal_trainer.contract import ContractError, _Message, _text

SMOKE_COMMAND: Final = "smoke"


@dataclass(frozen=True, slots=True)
class Trial:
    """The request, and what its answer must be."""

    url: str
    method: str
    headers: Mapping[str, str]
    body: str | None
    status: int
    json: str | None
    tolerance: float
    retries: int
    timeout: float  # seconds


@dataclass(frozen=True, slots=True)
class Smoked(_Message):
    """The answer of `smoke`: whether the candidate answered right, and in which words."""

    passed: bool
    message: str

    @classmethod
    def _read(cls, value: Any) -> Self:
        if not isinstance(value["passed"], bool):
            raise ContractError(f"{value['passed']!r:.80} is not true or false")
        return cls(value["passed"], _text(value["message"]))


def smoke_arguments(trial: Trial) -> tuple[str, ...]:
    """Return the container arguments of the job that carries out `trial`."""
    fields = {name: getattr(trial, name) for name in Trial.__slots__}
    text = json.dumps(fields, separators=(",", ":"), sort_keys=True)
    # `$(X)` in an argument would be expanded by the kubelet; a request means the text.
    return SMOKE_COMMAND, f"--trial={text}".replace("$(", "$$(")


def read_trial(text: str) -> Trial:
    """Return the trial of `smoke_arguments`; raise ContractError."""
    try:
        return Trial(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise ContractError(f"--trial is no trial: {error}") from None
