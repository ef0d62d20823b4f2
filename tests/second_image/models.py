"""Models that have no ONNX form, each made by a step, and what they answer to `ROWS`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import isclose, lgamma
from typing import Any

from cluster_words import a_run, a_step
from demo.kubectl import Manifest

ROWS = [[0.5, 0.25, 1.0], [1.0, -2.0, 9.0]]
_WEIGHTS = (1.0, 2.0, 3.0)

_MODEL = """
import json, os, pathlib
folder = pathlib.Path(os.environ["COMAL_MODEL_DIR"])
folder.mkdir(parents=True, exist_ok=True)

def told(form, file, contract="data-matrix", dtype=None):
    card = {"format": form, "file": file, "contract": contract}
    if dtype:
        tensor = {"dtype": dtype, "shape": [-1, 3]}
        answer = {"dtype": "float32", "shape": [-1, 1]}
        card["signature"] = {"inputs": [{"name": "data", **tensor}],
                             "outputs": [{"name": "answer", **answer}]}
    (folder / "model.yaml").write_text(json.dumps(card))
    pathlib.Path(os.environ["COMAL_METRICS_FILE"]).write_text('{"made": 1}')
"""
# ONNX has no such function.
_SAVED_MODEL = """
import tensorflow as tf
module = tf.Module()
module.weights = tf.Variable([[1.0], [2.0], [3.0]])
spec = tf.TensorSpec((None, 3), tf.float32, name="data")
function = tf.function(
    lambda data: {"answer": tf.math.lgamma(tf.abs(data @ module.weights) + 1.0)},
    input_signature=[spec],
)
tf.saved_model.save(module, str(folder / "exported"), signatures=function)
told("tensorflow-savedmodel", "exported", dtype="float32")
"""
# skl2onnx has no converter for it.
_SKOPS = """
import numpy, skops.io
from sklearn.covariance import EllipticEnvelope
rows = numpy.random.default_rng(7).normal(size=(40, 3))
skops.io.dump(EllipticEnvelope(random_state=0).fit(rows), folder / "model.skops")
told("sklearn-skops", "model.skops", dtype="float64")
"""
_SCRIPT = '''
(folder / "score.py").write_text("""
import json
import pandas

def init():
    pass

def run(raw):
    frame = pandas.DataFrame(json.loads(raw)["data"])
    return {"by": "pandas", "result": frame.sum(axis=1).tolist()}
""")
told("script", "score.py", contract="script")
'''


@dataclass(frozen=True)
class Model:
    """One model: how it is made, the format that it is served in, and what it must answer."""

    name: str
    format: str
    script: str
    is_right: Callable[[Any], bool]
    predictor: dict[str, Any]

    def run(self) -> Manifest:
        """Return the run that makes and registers it."""
        step = a_step("make", command=["python3", "-c", _MODEL + self.script])
        return a_run(self.name, step, register={"model": self.name})


def _gamma(answer: Any) -> bool:
    wanted = [
        lgamma(abs(sum(x * w for x, w in zip(row, _WEIGHTS, strict=True))) + 1) for row in ROWS
    ]
    found = answer["result"]
    return len(found) == len(wanted) and all(
        isclose(one, other, rel_tol=1e-4) for one, other in zip(found, wanted, strict=True)
    )


def _outlier(answer: Any) -> bool:
    return [float(one) for one in answer["result"]] == [1.0, -1.0]


def _sums(answer: Any) -> bool:
    return bool(answer == {"by": "pandas", "result": [sum(row) for row in ROWS]})


MODELS = (
    Model("saved-model", "tensorflow", _SAVED_MODEL, _gamma, {}),
    Model("skops", "skops", _SKOPS, _outlier, {}),
    Model("pandas", "script", _SCRIPT, _sums, {"script": {"fromModel": True}}),
)
BODY = json.dumps({"data": ROWS})
