"""What a training tells while it runs: the log, the heartbeat, a series of metrics, TensorBoard."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from comal_trainer.files import write_atomically
from comal_trainer.heartbeat import Heartbeat
from comal_trainer.keras_training.position import VALIDATION, Epoch, Position
from comal_trainer.progress import progress

_LINE_SECONDS: Final = 1.0
# The rest is for writing the model.
_SHARE: Final = 95.0


class Journal:
    """Tells of one attempt; a worker that does not lead has a silent one."""

    def __init__(
        self, heartbeat: Heartbeat | None, series: Path, events: Path, epochs: int
    ) -> None:
        self._heartbeat = heartbeat
        self._series = series
        self._events = events
        self._epochs = epochs
        self._writers: dict[str, Any] = {}
        self._started_at = time.monotonic()
        self._started_with = 0
        self._line_at = 0.0

    def begins(self, position: Position) -> None:
        """Say where this attempt starts."""
        self._started_at, self._started_with = time.monotonic(), position.steps
        if position.steps and self._heartbeat is not None:
            self._heartbeat.report(resumed_from=f"step {position.steps}")
            progress(0, f"resumed from step {position.steps}")

    def step(self, position: Position, batches: int) -> None:
        """Say how far it is; the log gets a line a second at most."""
        if self._heartbeat is None:
            return
        done = position.steps / (self._epochs * batches)
        rate = (time.monotonic() - self._started_at) / (position.steps - self._started_with)
        epoch, percent = position.epoch + 1, _SHARE * done
        self._heartbeat.report(
            percent=percent,
            eta_seconds=rate * (self._epochs * batches - position.steps),
            epoch=f"{epoch}/{self._epochs}",
            step=position.steps,
        )
        if time.monotonic() - self._line_at >= _LINE_SECONDS or position.batch == batches:
            self._line_at = time.monotonic()
            where = f"epoch {epoch} of {self._epochs}, step {position.batch} of {batches}"
            loss = position.measured()["loss"]
            progress(percent, f"{where} (step {position.steps}): loss {loss:.4f}")

    def epoch(self, tensorflow: Any, position: Position) -> None:
        """Say what the epoch that just ended has measured."""
        if self._heartbeat is None:
            return
        measured = position.history[-1]
        self._heartbeat.report(metrics=measured, epoch=f"{position.epoch}/{self._epochs}")
        told = ", ".join(f"{name} {value:.4f}" for name, value in measured.items())
        print(f"epoch {position.epoch} of {self._epochs}: {told}", flush=True)
        # The whole file: an epoch that an interruption repeats is one line all the same.
        lines = [
            json.dumps({"epoch": number, **epoch}) + "\n"
            for number, epoch in enumerate(position.history, start=1)
        ]
        write_atomically(self._series, "".join(lines).encode())
        self._write_events(tensorflow, measured, position.epoch)

    def _write_events(self, tensorflow: Any, measured: Epoch, number: int) -> None:
        for name, value in measured.items():
            # The names and folders of Keras's own callback, which TensorBoard lays over each other.
            folder = "validation" if name.startswith(VALIDATION) else "train"
            if folder not in self._writers:
                path = str(self._events / folder)
                self._writers[folder] = tensorflow.summary.create_file_writer(path)
            with self._writers[folder].as_default():
                tag = f"epoch_{name.removeprefix(VALIDATION)}"
                tensorflow.summary.scalar(tag, value, step=number)
            self._writers[folder].flush()
