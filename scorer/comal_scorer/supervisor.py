"""One worker process per core, forked from the process that has loaded the model.

The workers share the model's pages and listen on one port; the kernel spreads connections. The
parent answers nothing: it passes signals on and replaces who dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable

_ENDING = (signal.SIGTERM, signal.SIGINT)
_HEARD = (*_ENDING, signal.SIGCHLD)
# A worker that dies sooner after its start than this is not replaced at once.
_SHORT_LIFE_SECONDS = 1.0


def supervise(workers: int, work: Callable[[int], int]) -> int:
    """Run `work(index)` in so many processes until a signal; return the exit code for all.

    A worker that was killed is replaced; one that ends with a code of its own ends all. The
    caller must have no other threads: a fork would leave them behind.
    """
    # Waited for, never handled: a handler may run before the worker just forked is known, or too
    # late to end a wait, and then somebody is never told to end.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    children = {_fork(index, work): index for index in range(workers)}
    code = 0
    ending = False
    started = time.monotonic()
    while children:
        number = signal.sigwait(_HEARD)
        if number in _ENDING:
            ending = True
            _tell(children, number)
        for pid, own in _ended(children):
            index = children.pop(pid)
            if ending or own >= 0:
                code = max(code, abs(own))
                ending = ending or _tell(children, signal.SIGTERM)
                continue
            _say("worker died", worker=index, signal=-own)
            if time.monotonic() - started < _SHORT_LIFE_SECONDS:
                time.sleep(_SHORT_LIFE_SECONDS)
            started = time.monotonic()
            children[_fork(index, work)] = index
    return code


def _tell(children: Iterable[int], number: int) -> bool:
    """Send the signal to all; return True."""
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return True


def _ended(children: Iterable[int]) -> list[tuple[int, int]]:
    """Return who ended, with their exit codes, negative for signals: one SIGCHLD may be of many."""
    waited = (os.waitpid(pid, os.WNOHANG) for pid in children)
    return [(pid, os.waitstatus_to_exitcode(status)) for pid, status in waited if pid]


def _fork(index: int, work: Callable[[int], int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    for number in _ENDING:
        # Nobody was answered yet, so nothing went wrong: the end of a start is no failure.
        signal.signal(number, lambda _number, _frame: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
    code = 1
    try:
        code = work(index)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _say(event: str, **facts: int) -> None:
    sys.stderr.write(json.dumps({"event": event, **facts}) + "\n")
