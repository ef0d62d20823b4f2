"""How far a training is, to the batch: all that is needed to go on as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, Self

# How the metrics of data that is not trained on begin.
VALIDATION: Final = "val_"

Epoch = Mapping[str, float]  # what was measured in one epoch, by metric


@dataclass(frozen=True, slots=True)
class Position:
    """The next batch to train on, and what the epoch has summed up so far."""

    epoch: int = 0
    batch: int = 0
    steps: int = 0  # over all epochs and attempts
    seen: int = 0
    loss: float = 0.0
    right: float = 0.0
    history: tuple[Epoch, ...] = ()
    best: float | None = None  # what the best epoch measured

    def after_batch(self, seen: int, loss: float, right: float) -> Self:
        """Return the position one step on; `loss` and `right` are sums over the batch."""
        return replace(
            self,
            batch=self.batch + 1,
            steps=self.steps + 1,
            seen=self.seen + seen,
            loss=self.loss + loss,
            right=self.right + right,
        )

    def measured(self) -> dict[str, float]:
        """Return means over what the epoch has seen."""
        seen = max(1, self.seen)
        return {"loss": self.loss / seen, "acc": self.right / seen}

    def after_epoch(self, measured: Epoch, best: float | None) -> Self:
        """Return the start of the next epoch."""
        return type(self)(
            epoch=self.epoch + 1,
            steps=self.steps,
            history=(*self.history, dict(measured)),
            best=best,
        )

    def encode(self) -> str:
        """Return the position as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the position of `encode`; raise ValueError, TypeError or KeyError."""
        value = json.loads(text)
        return cls(**{**value, "history": tuple(value["history"])})
