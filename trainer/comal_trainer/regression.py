"""Measuring a regression: predictions against true values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def measured(truth: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> dict[str, float]:
    """Return r2, mse, rmse and mae."""
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score  # noqa: PLC0415

    flat = np.asarray(predicted, np.float64).reshape(len(truth))
    mse = float(mean_squared_error(truth, flat))
    return {
        "r2": float(r2_score(truth, flat)),
        "mse": mse,
        "rmse": float(mse**0.5),
        "mae": float(mean_absolute_error(truth, flat)),
    }
