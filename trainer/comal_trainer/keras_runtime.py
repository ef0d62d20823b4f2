"""Loading Keras: late, as it takes seconds, and quietly, as its start-up lines bury ours."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from comal_trainer.contract import ExitCode
from comal_trainer.failure import UserError

# Keras loads them, where they are installed, for wrappers and plots that nothing here uses: a third
# of its seconds, and 85 MiB.
_UNUSED = ("matplotlib", "scipy", "sklearn")


def load_keras() -> Any:
    """Return the `keras` module on TensorFlow; raise UserError where it is not installed."""
    # Read when TensorFlow is loaded, so they must be set before.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with _alone():
            import keras  # noqa: PLC0415
    except ImportError as error:
        message = f"TensorFlow is not installed here ({error}); use the trainer image"
        raise UserError(message, ExitCode.USAGE) from None
    return keras


def load_tensorflow() -> Any:
    """Return the `tensorflow` module; raise UserError where it is not installed."""
    load_keras()
    import tensorflow as tf  # noqa: PLC0415

    return tf


@contextmanager
def _alone() -> Iterator[None]:
    """Let imports within the block do without what is unused; others import it as ever."""
    hidden = [name for name in _UNUSED if name not in sys.modules]
    # Python's way to say that an import fails.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    collected = gc.isenabled()
    # What is loaded stays: looking for garbage among it takes a tenth of the time.
    gc.disable()
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        if collected:
            gc.enable()
