"""Progress of a Keras training: `model.fit(…, callbacks=[progress_callback(heartbeat)])`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from comal_trainer.heartbeat import Heartbeat


def progress_callback(heartbeat: Heartbeat, *, every: float = 1.0) -> Any:
    """Return a callback that reports percent, epoch, training step, time left and metrics.

    Metrics are reported at the end of each epoch, the rest `every` so many seconds. Training that
    starts at a later epoch or step (BackupAndRestore) is reported as resumed from there.
    """
    import keras  # noqa: PLC0415 - takes seconds, and not every user has it

    class Progress(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
            del logs
            self.started, self.reported, self.epoch = time.monotonic(), 0.0, 0
            self.before: float | None = None

        def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            del logs
            self.epoch = epoch
            # Not earlier: BackupAndRestore may be behind us in the list of callbacks.
            step = self._step() if self.before is None else None
            self._report(0.0, resumed_from=f"step {step}" if step else None)

        def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
            del logs
            if time.monotonic() - self.reported >= every:
                self._report((batch + 1) / (self.params.get("steps") or batch + 1))

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            del epoch
            self._report(1.0, logs)

        def _report(
            self,
            share: float,
            metrics: Mapping[str, Any] | None = None,
            resumed_from: str | None = None,
        ) -> None:
            self.reported = time.monotonic()
            epochs = self.params.get("epochs") or 1
            done = min(1.0, (self.epoch + share) / epochs)
            if self.before is None:
                # What an earlier attempt did took no time of this one.
                self.before = done
            pace = (done - self.before) / max(self.reported - self.started, 1e-9)
            heartbeat.report(
                percent=100 * done,
                eta_seconds=(1 - done) / pace if pace > 0 else None,
                epoch=f"{min(self.epoch + 1, epochs)}/{epochs}",
                step=self._step(),
                metrics=metrics,
                resumed_from=resumed_from,
            )

        def _step(self) -> int | None:
            optimizer = getattr(self.model, "optimizer", None)
            return None if optimizer is None else int(optimizer.iterations)

    return Progress()
