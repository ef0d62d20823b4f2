"""Lines for a person who reads `kubectl logs`: how far a step is, and what it is doing."""

from __future__ import annotations


def progress(percent: float, text: str) -> None:
    """Print one line such as `[ 40 %] epoch 2 of 5: loss 0.41`."""
    # Flushed at once: a Pod that is killed must not take its last lines along.
    print(f"[{percent:3.0f} %] {text}", flush=True)
