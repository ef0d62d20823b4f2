"""`python -m bench.forward FILE SECONDS`: a model's forward pass alone, no server around it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from comal_scorer.runtime.litert_model import load_litert
from comal_scorer.runtime.onnx_model import load_onnx
from comal_scorer.runtime.tensors import Model

_WARM_UPS = 20


def forward_milliseconds(file: Path, seconds: int) -> float:
    """Return the CPU milliseconds of one call, on the core that the servers have."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "bench.forward", file, str(seconds)]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def _measured(file: Path, seconds: float) -> float:
    # As the scorer loads it: the same options, one thread.
    load = load_litert if file.suffix == ".tflite" else load_onnx
    model: Model = load(file)
    shape = (1, *(size or 1 for size in model.input.shape[1:]))
    rows = np.random.default_rng(0).integers(0, 256, shape).astype(model.input.dtype)
    for _ in range(_WARM_UPS):
        model.predict(rows)
    calls, used, end = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < end:
        model.predict(rows)
        calls += 1
    return (time.process_time() - used) * 1000 / calls


if __name__ == "__main__":
    print(json.dumps(_measured(Path(sys.argv[1]), float(sys.argv[2]))))
