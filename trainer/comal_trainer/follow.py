"""`follow`: post what a step beside this container writes, for images that have no client.

It reads the two files of the step contract and repeats them to the operator. Only what the step
writes while this runs is news, and each post says how long ago that was: what an earlier attempt
left, and a step that hangs, never look like life. It goes on until it is asked to end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from comal_trainer.contract.progress import MAX_REPORT_BYTES
from comal_trainer.files import NotPlainFileError, open_plain
from comal_trainer.heartbeat import Heartbeat
from comal_trainer.series import read_line

_EVERY: Final = 2.0
# After a report that is no news: another replica may lead by now.
_REPEAT: Final = 5.0
_FAREWELL: Final = 4.0
_MOST: Final = 1 << 20
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

_Mark = tuple[int, int, int] | None


class Follower:
    """What a step has written since this was made."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self.heartbeat = heartbeat
        self._mark = _mark(heartbeat.file)
        there = _mark(heartbeat.series)
        self._read = there[2] if there else 0
        self._told = ""

    def look(self) -> bool:
        """Take over what is new; return whether anything is."""
        # Both are read: the newest report has the last word on what both say.
        measured = self._measured()
        return self._reported() or measured

    def _reported(self) -> bool:
        path = self.heartbeat.file
        mark = _mark(path)
        if mark is None or mark == self._mark:
            return False
        text = _content(path, 0, MAX_REPORT_BYTES + 1)
        try:
            value = json.loads(text) if len(text) <= MAX_REPORT_BYTES else None
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            # Perhaps half of it: the next look reads again.
            self._complain(f"{path} holds no report")
            return False
        self._mark = mark
        self.heartbeat.report(**_words(value))
        return True

    def _measured(self) -> bool:
        path = self.heartbeat.series
        mark = _mark(path)
        if mark is None or mark[2] == self._read:
            return False
        if mark[2] < self._read:
            self._read = 0
        text = _content(path, self._read, _MOST)
        whole = text.rfind(b"\n") + 1
        # A line without an end is another look's, unless it fills all that is read.
        self._read += whole or (len(text) if len(text) == _MOST else 0)
        found = [line for line in map(read_line, text[:whole].split(b"\n")) if line is not None]
        if not found:
            return False
        metrics: dict[str, Any] = {}
        for line in found:
            metrics |= line["metrics"]
        last = found[-1]
        self.heartbeat.report(metrics=metrics, step=last.get("step"), epoch=last.get("epoch"))
        return True

    def _complain(self, why: str) -> None:
        if why != self._told:
            self._told = why
            print(f"follow: {why}; the step goes on", file=sys.stderr, flush=True)


def follow(follower: Follower, ended: threading.Event, *, every: float = _EVERY) -> None:
    """Post what is new until `ended`, and once more then."""
    silent, has_told = 0.0, False
    is_over = False
    while not is_over:
        is_over = ended.wait(every)
        silent += every
        news = follower.look()
        has_told = has_told or news
        if news or (has_told and silent >= _REPEAT):
            follower.heartbeat.send()
            silent = 0.0


def follow_until_asked(workspace: Path) -> None:
    """Follow the step of this Pod until a signal; its last words take seconds at most."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    ended = threading.Event()
    # Of several workers the first one alone writes; the others' Pods tell nothing by themselves.
    if os.environ.get("JOB_COMPLETION_INDEX", "0") != "0":
        print("follow: only the first worker writes files", flush=True)
        signal.sigwait(_SIGNALS)
        return
    heartbeat = Heartbeat(workspace=workspace, writes=False)
    # What is there now is an earlier attempt's: the step starts after this.
    follower = Follower(heartbeat)
    thread = threading.Thread(target=follow, args=(follower, ended), daemon=True)
    thread.start()
    print(f"follow: reads {heartbeat.file} and {heartbeat.series}", flush=True)
    signal.sigwait(_SIGNALS)
    ended.set()
    thread.join(_FAREWELL)


def _words(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report's fields as the client takes them; it says itself what is wrong with one."""
    return {
        "percent": value.get("percent"),
        "eta_seconds": value.get("etaSeconds"),
        "epoch": value.get("epoch"),
        "step": value.get("step"),
        "metrics": value.get("metrics"),
        "resumed_from": value.get("resumedFrom"),
        "message": value.get("message"),
    }


def _mark(path: Path) -> _Mark:
    """Return what changes with each writing: a renamed file is another one."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def _content(path: Path, start: int, most: int) -> bytes:
    try:
        with open_plain(path) as file:
            file.seek(start)
            return file.read(most)
    except (OSError, NotPlainFileError):
        return b""
