"""Say how far a step is, while it runs: one file, standard library only, made to be copied.

From Python:

    with Heartbeat() as heartbeat:
        for epoch in range(1, 21):
            ...
            heartbeat.report(percent=5 * epoch, epoch=f"{epoch}/20", metrics={"loss": loss})

From a shell: `python -m comal_trainer.heartbeat --percent 40 --metric loss=0.4`.

The newest report goes into `.comal/progress/<step>.json` on the workspace, its metrics also as a
line into `.comal/metrics/<step>.jsonl`; where COMAL_PROGRESS_URL is set, it is posted to every
replica of the operator too. Nothing here ever stops or fails the training: what goes wrong is said
once on stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import math
import os
import re
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, Self
from urllib.parse import urlsplit

URL_ENV: Final = "COMAL_PROGRESS_URL"
TOKEN_FILE: Final = "/var/run/secrets/comal.dev/progress/token"  # noqa: S105 - a path
PROGRESS_DIR: Final = ".comal/progress"
SERIES_DIR: Final = ".comal/metrics"
MAX_METRICS: Final = 64

_EVERY: Final = 5.0
_PATIENCE: Final = 2.0  # for one replica: the others must hear of it in time
_FAREWELL: Final = 6.0
_MAX_SERIES_BYTES: Final = 64 << 20  # the volume belongs to the training
_EPOCH: Final = re.compile(r"[0-9]{1,9}(/[0-9]{1,9})?", re.ASCII)
_METRIC: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:@-]{0,62}")


class Heartbeat:
    """Keeps the newest report, and tells it every few seconds from a thread of its own.

    The report carries its age: a thread that goes on while the training hangs proves no life.
    """

    def __init__(
        self,
        *,
        workspace: str | os.PathLike[str] | None = None,
        step: str | None = None,
        url: str | None = None,
        token_file: str | os.PathLike[str] = TOKEN_FILE,
        every: float = _EVERY,
        writes: bool = True,
    ) -> None:
        env = os.environ
        name = re.sub(r"[^A-Za-z0-9_-]", "_", step or env.get("COMAL_STEP") or "step")
        folder = Path(workspace or env.get("COMAL_WORKSPACE") or ".")
        self.file = folder / PROGRESS_DIR / f"{name}.json"
        self.series = folder / SERIES_DIR / f"{name}.jsonl"
        self._url = env.get(URL_ENV, "") if url is None else url
        self._token_file = Path(token_file)
        self._every = every
        # The workers of one training measure the same; only the first one writes it down.
        self._writes = writes and env.get("JOB_COMPLETION_INDEX", "0") == "0"
        self._pod = env.get("HOSTNAME") or socket.gethostname()
        self._lock = threading.Lock()
        self._said: dict[str, Any] = {}
        self._said_at = time.monotonic()
        self._written: dict[str, Any] | None = None
        self._lines: deque[str] = deque(maxlen=10_000)
        self._complaints: set[str] = set()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def report(
        self,
        *,
        percent: float | None = None,
        eta_seconds: float | None = None,
        epoch: str | int | None = None,
        step: int | None = None,
        metrics: Mapping[str, Any] | None = None,
        resumed_from: str | None = None,
        message: str | None = None,
    ) -> None:
        """Say what is known now; what is left out stays as it was. Never waits, never raises."""
        told = {
            "percent": percent,
            "etaSeconds": eta_seconds,
            "epoch": epoch,
            "step": step,
            "resumedFrom": resumed_from,
            "message": message,
        }
        self._attempt("cannot take a report", self._take, told, metrics)

    def send(self) -> None:
        """Write and post the newest report now; waits for the network, but never raises."""
        with self._lock:
            said, age = self._said, time.monotonic() - self._said_at
        if self._writes:
            self._attempt(f"cannot write {self.file}", self._write, said)
            self._attempt(f"cannot write {self.series}", self._append)
        if self._url:
            body = json.dumps({**said, "ageSeconds": round(age, 1)}).encode()
            self._attempt(f"cannot post to {self._url}", self._post, body)

    def __enter__(self) -> Self:
        """Start to tell; that the step is alive is the first thing told."""
        self._thread = threading.Thread(target=self._tell, name="heartbeat", daemon=True)
        self._attempt("cannot start", self._thread.start)
        return self

    def __exit__(self, *_: object) -> None:
        """Tell the last report and end, a few seconds later at most."""
        self._ended.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(_FAREWELL)

    def go_on(self) -> None:
        """Take over what this very Pod reported before: for a new process of a shell step."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            before = json.loads(self.file.read_bytes())
            # What an earlier attempt said is no news of this one.
            if before.pop("pod", None) == self._pod and isinstance(before.get("metrics", {}), dict):
                before.pop("time", None)
                self._said = before

    def _take(self, told: dict[str, Any], metrics: Mapping[str, Any] | None) -> None:
        checked = {name: self._checked(name, value) for name, value in told.items()}
        measured = {} if metrics is None else self._metrics(metrics)
        with self._lock:
            said = {**self._said, **{k: v for k, v in checked.items() if v is not None}}
            if measured:
                newest = {**said.get("metrics", {}), **measured}
                said["metrics"] = dict(list(newest.items())[-MAX_METRICS:])
                line = {"time": _now(), "step": said.get("step"), "epoch": said.get("epoch")}
                if self._writes:
                    self._lines.append(json.dumps({**line, "metrics": measured}))
            self._said, self._said_at = said, time.monotonic()

    def _checked(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name == "epoch":
            return self._epoch(value)
        if name in ("resumedFrom", "message"):
            return _one_line(value, 128 if name == "resumedFrom" else 256)
        return self._number(name, value)

    def _tell(self) -> None:
        while not self._ended.is_set():
            self.send()
            self._ended.wait(self._every)
        self.send()

    def _write(self, said: dict[str, Any]) -> None:
        if said == self._written:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_name(f".{self.file.name}.{os.getpid()}.partial")
        partial.write_text(json.dumps({**said, "time": _now(), "pod": self._pod}) + "\n")
        partial.replace(self.file)
        self._written = said

    def _append(self) -> None:
        if not self._lines:
            return
        self.series.parent.mkdir(parents=True, exist_ok=True)
        with self.series.open("ab+") as file:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            size = file.seek(0, os.SEEK_END)
            if size > _MAX_SERIES_BYTES:
                self._complain(f"{self.series} is full", f"{size} bytes; report less often")
                return
            # A writer that was killed half-way leaves half a line.
            file.seek(max(0, size - 1))
            start = "" if file.read(1) in (b"", b"\n") else "\n"
            file.write((start + "\n".join(lines) + "\n").encode())

    def _post(self, body: bytes) -> None:
        parts = urlsplit(self._url)
        headers = {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            # Read each time, as the kubelet renews it.
            "Authorization": f"Bearer {self._token_file.read_text().strip()}",
        }
        replicas = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
        for *_, address in replicas:
            where = f"cannot post to {address[0]}"
            self._attempt(where, self._post_to, address, parts.path, body, headers)

    def _post_to(self, address: Any, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        connection = http.client.HTTPConnection(address[0], address[1], timeout=_PATIENCE)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            said = answer.read(500).decode(errors="replace").strip()
        finally:
            connection.close()
        if answer.status >= 400:
            self._complain(f"the operator answered {answer.status}", said)

    def _attempt(self, what: str, do: Any, *arguments: Any) -> None:
        try:
            do(*arguments)
        except Exception as error:  # noqa: BLE001 - the training is worth more than its progress
            self._complain(what, str(error) or type(error).__name__)

    def _complain(self, what: str, why: str) -> None:
        if what not in self._complaints:
            self._complaints.add(what)
            with contextlib.suppress(OSError, ValueError):
                print(
                    f"heartbeat: {what}: {why}; the training goes on", file=sys.stderr, flush=True
                )

    def _number(self, name: str, value: Any) -> float | int | None:
        try:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError("it is not finite")  # noqa: TRY301 - as any other wrong value
        except (TypeError, ValueError, OverflowError) as error:
            self._complain(f"{name} is {value!a:.80}, not a number", str(error))
            return None
        if name == "percent":
            return round(min(100.0, max(0.0, number)), 2)
        return int(max(0.0, min(number, 315_360_000.0 if name == "etaSeconds" else 2.0**53)))

    def _epoch(self, value: str | int) -> str | None:
        if _EPOCH.fullmatch(str(value)):
            return str(value)
        self._complain(f"epoch is {value!a:.80}", "write it as 9 or 9/20")
        return None

    def _metrics(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        good: dict[str, float] = {}
        if not isinstance(metrics, Mapping):
            self._complain(f"metrics are {metrics!a:.80}", "give names and numbers")
            return good
        for name, value in metrics.items():
            try:
                number = float(value)
            except (TypeError, ValueError, OverflowError) as error:
                self._complain(f"metric {name!a:.80} is {value!a:.80}, not a number", str(error))
                continue
            if _METRIC.fullmatch(str(name)):
                good[str(name)] = number
            else:
                self._complain(f"metric name {name!a:.80}", "use letters, digits and _./:@-")
        return good


def _one_line(text: Any, most: int) -> str:
    line = " ".join(str(text).split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:most]


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(64, f"heartbeat: {message}; see python -m comal_trainer.heartbeat --help\n")


def main(arguments: list[str] | None = None) -> int:
    """Tell one report; only an unknown flag is an error (64), never a value or the network."""
    parser = _Parser(prog="heartbeat", description="Say how far this step is.")
    parser.add_argument("--percent", help="share of this step that is done, 0 to 100")
    parser.add_argument("--eta-seconds", help="how long it still takes")
    parser.add_argument("--epoch", help="such as 9/20")
    parser.add_argument("--step", help="training step, which goes on counting after a restart")
    parser.add_argument("--metric", action="append", default=[], help="NAME=NUMBER, repeatable")
    parser.add_argument("--resumed-from", help="what this attempt went on from")
    parser.add_argument("--message", help="what the step is doing")
    flags = vars(parser.parse_args(arguments))
    named = (metric.partition("=") for metric in flags.pop("metric"))
    heartbeat = Heartbeat()
    heartbeat.go_on()
    heartbeat.report(**flags, metrics={name: value for name, _, value in named})
    heartbeat.send()
    return 0


if __name__ == "__main__":
    sys.exit(main())
