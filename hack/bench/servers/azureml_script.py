"""A scoring script as Azure ML's documentation writes one."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import loading
import numpy as np


def init():
    """Load the model."""
    global predict
    predict = loading.load()


def run(raw_data):
    """Return the predictions for the rows in the body."""
    rows = np.array(json.loads(raw_data)["data"], dtype=loading.DTYPE)
    return predict(rows).tolist()
