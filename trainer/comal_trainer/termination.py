"""The last words of a built-in job: one JSON object in the kubelet's termination log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from comal_trainer.contract import (
    TERMINATION_LOG,
    TERMINATION_LOG_ENV,
    ContractError,
    Converted,
    _Message,
)


def report(message: _Message, environment: Mapping[str, str]) -> None:
    """Write the message for the operator, and print it for whoever reads the log."""
    text = fitting(message)
    path = environment.get(TERMINATION_LOG_ENV, TERMINATION_LOG)
    # The kubelet mounts the default one. Where it is absent nobody would read it.
    if TERMINATION_LOG_ENV in environment or os.access(path, os.W_OK):
        Path(path).write_text(text, encoding="ascii")
    print(text, flush=True)


def fitting(message: _Message) -> str:
    """Return the message as text, without its labels, then its signature, when it is too long."""
    try:
        return message.encode()
    except ContractError:
        if not isinstance(message, Converted):
            raise
    try:
        return replace(message, labels=()).encode()
    except ContractError:
        return replace(message, labels=(), signature=None).encode()
