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
from collections.abc import Callable

_ENDING = (signal.SIGTERM, signal.SIGINT)
# A worker that dies sooner after its start than this is not replaced at once.
_SHORT_LIFE_SECONDS = 1.0


def supervise(workers: int, work: Callable[[int], int]) -> int:
    """Run `work(index)` in so many processes until a signal; return the exit code for all.

    A worker that was killed is replaced; one that ends with a code of its own ends all. The
    caller must have no other threads: a fork would leave them behind.
    """
    children: dict[int, int] = {}
    ending = False

    def end(number: int, _frame: object) -> None:
        nonlocal ending
        ending = True
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    for number in _ENDING:
        signal.signal(number, end)
    code = 0
    for index in range(workers):
        children[_fork(index, work)] = index
    started = time.monotonic()
    while children:
        pid, status = os.wait()
        index = children.pop(pid)
        own = os.waitstatus_to_exitcode(status)
        if ending:
            code = max(code, abs(own))
        elif own >= 0:
            code = max(code, own)
            end(signal.SIGTERM, None)
        else:
            _say("worker died", worker=index, signal=-own)
            if time.monotonic() - started < _SHORT_LIFE_SECONDS:
                time.sleep(_SHORT_LIFE_SECONDS)
            started = time.monotonic()
            children[_fork(index, work)] = index
    return code


def _fork(index: int, work: Callable[[int], int]) -> int:
    # A signal between the fork and the worker's own handlers would be the parent's to handle.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        return pid
    for number in _ENDING:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    code = 1
    try:
        code = work(index)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _say(event: str, **facts: int) -> None:
    sys.stderr.write(json.dumps({"event": event, **facts}) + "\n")
