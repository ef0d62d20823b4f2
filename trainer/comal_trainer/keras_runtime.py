"""Loading Keras: late, as it takes seconds, and quietly, as its start-up lines bury ours."""

from __future__ import annotations

import os
from typing import Any

from comal_trainer.contract import ExitCode
from comal_trainer.failure import UserError


def load_keras() -> Any:
    """Return the `keras` module on TensorFlow; raise UserError where it is not installed."""
    # Read when TensorFlow is loaded, so they must be set before.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
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
