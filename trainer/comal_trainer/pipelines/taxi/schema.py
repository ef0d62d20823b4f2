"""The columns of a ride. The model's order is not the data file's, so nothing goes by place."""

from __future__ import annotations

from typing import Final

TARGET: Final = "cost"
_TIME: Final = ("weekday", "month", "monthday", "hour", "minute", "second")
# The order of training, and so the order of the model's input.
FEATURES: Final = (
    "distance",
    "dropoff_latitude",
    "dropoff_longitude",
    "passengers",
    "pickup_latitude",
    "pickup_longitude",
    *(f"pickup_{part}" for part in _TIME),
    *(f"dropoff_{part}" for part in _TIME),
    "store_forward",
    "vendor",
)
