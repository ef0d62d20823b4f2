"""Rides by rule, with the columns and the ranges of the example's January rides.

The fare follows distance and minutes as the meter's does, with noise: enough to try the pipeline,
and no statement about New York.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from comal_trainer.pipelines.taxi.schema import FEATURES, TARGET

NOTE: Final = "generated rides with the example's columns and ranges"
COLUMNS: Final = (*FEATURES, TARGET)

# One passenger in most rides, up to six.
_PASSENGERS: Final = (0.78, 0.12, 0.04, 0.02, 0.03, 0.01)

_Column = npt.NDArray[Any]


def rides(count: int, seed: int) -> npt.NDArray[np.float64]:
    """Return rides, a row each, with the columns COLUMNS; always the same ones."""
    chosen = np.random.default_rng(seed)
    # Miles, minutes, dollars.
    distance = np.clip(chosen.lognormal(0.6, 0.9, count), 0.01, 32.74).round(2)
    minutes = np.clip(distance * chosen.normal(4.5, 1.2, count) + 3, 1, 110).round(2)
    fare = 2.4 + 2.0 * distance + 0.31 * minutes + chosen.normal(0, 1.0, count)
    pickup = chosen.integers(0, 30 * 24 * 3600, count)
    columns: dict[str, _Column] = {
        "distance": distance,
        "passengers": chosen.choice(
            [1, 2, 3, 4, 5, 6], count, p=[0.78, 0.12, 0.04, 0.02, 0.03, 0.01]
        ),
        "store_forward": (chosen.random(count) < 0.005).astype(int),
        "vendor": 1 + (chosen.random(count) < 0.66).astype(int),
        TARGET: np.clip(fare, 2.5, 129).round(2),
        **_places(chosen, count),
        **_times("pickup", pickup),
        **_times("dropoff", pickup + (minutes * 60).astype(int)),
    }
    return np.column_stack([columns[name].astype(np.float64) for name in COLUMNS])


def _places(chosen: np.random.Generator, count: int) -> dict[str, _Column]:
    places = {}
    for end in ("pickup", "dropoff"):
        latitude = np.clip(chosen.normal(40.75, 0.045, count), 40.573, 40.8795)
        longitude = np.clip(chosen.normal(-73.96, 0.045, count), -74.18, -73.728)
        places[f"{end}_latitude"] = latitude.round(6)
        places[f"{end}_longitude"] = longitude.round(6)
    return places


def _times(end: str, seconds: npt.NDArray[np.int_]) -> dict[str, _Column]:
    # From a Friday, the first of January, at midnight.
    days = seconds // 86_400
    return {
        f"{end}_weekday": (days + 4) % 7,
        f"{end}_month": np.ones_like(days),
        f"{end}_monthday": days + 1,
        f"{end}_hour": seconds // 3600 % 24,
        f"{end}_minute": seconds // 60 % 60,
        f"{end}_second": seconds % 60,
    }
