"""`python -m comal_scorer.script.worker <fd> <script> [sample]`: one process that runs a script."""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from pathlib import Path

from comal_scorer.script.entry import EntryScript, ScriptError
from comal_scorer.script.frames import (
    Answer,
    Ask,
    Broken,
    Failed,
    receive_ask,
    send,
)


def main(arguments: list[str]) -> int:
    """Answer until the server closes the channel."""
    # A terminal's Ctrl-C goes to the whole group; the server decides when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=int(arguments[0]))
    # What a script prints belongs to the log for people, not among the request lines.
    os.dup2(2, 1)
    try:
        script = EntryScript(Path(arguments[1]))
        sample = Path(arguments[2]).read_bytes() if len(arguments) > 2 else script.sample()
        if sample is not None:
            _try(script, sample)
    except ScriptError as problem:
        if problem.__cause__ is not None:
            traceback.print_exception(problem.__cause__)
        send(channel, Broken(str(problem)))
        return 1
    send(channel, script.describe())
    try:
        while True:
            ask = receive_ask(channel)
            send(channel, _answer(script, ask))
    except (EOFError, OSError):
        return 0


def _try(script: EntryScript, sample: bytes) -> None:
    """Score the sample: a script that cannot is not ready."""
    ask = Ask("POST", "/score", "", {}, "application/json", sample, "sample")
    try:
        script.answer(ask)
    except BaseException as problem:
        shown = f"{type(problem).__name__}: {problem}"
        raise ScriptError(f"run() raised {shown} for its own sample") from problem


def _answer(script: EntryScript, ask: Ask) -> Answer:
    try:
        return script.answer(ask)
    except Exception:  # noqa: BLE001 - a script may raise anything; the caller gets an answer
        sys.stderr.write(f"request {ask.request_id}: run() raised\n")
        traceback.print_exc()
        return Failed()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
