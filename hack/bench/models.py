"""The two models of the benchmark, in every form that a server takes, and the requests for them."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cluster.paths import places

# Made in a process of its own: TensorFlow takes seconds and half a gigabyte.
_MAKE_CNN = """
import sys
import keras, numpy as np, tensorflow as tf, tf2onnx
folder = sys.argv[1]
keras.utils.set_random_seed(7)
shape = (160, 160, 3)
base = keras.applications.MobileNetV2(
    shape, alpha=0.35, include_top=False, weights=None, pooling="avg"
)
given = keras.Input(shape, dtype="float32", name="image")
scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(given)
answer = keras.layers.Dense(2, activation="softmax", name="out")(base(scaled, training=False))
model = keras.Model(given, answer)
# Untrained, all its answers would be one half; these weights spread them.
random = np.random.default_rng(1)
pictures = random.integers(0, 256, (4, *shape)).astype("float32")
features = keras.Model(given, base(scaled, training=False)).predict(pictures, verbose=0)
weights = random.normal(size=(features.shape[1], 2)) / (features.std() * features.shape[1] ** 0.5)
bias = [0.3, -0.3] - features.mean(0) @ weights
model.get_layer("out").set_weights([weights.astype("float32"), bias.astype("float32")])
model.save(f"{folder}/cnn.keras")
signature = (tf.TensorSpec((None, *shape), tf.float32, name="image"),)
function = tf.function(lambda image: model(image, training=False))
tf2onnx.convert.from_function(
    function, input_signature=signature, opset=17, output_path=f"{folder}/cnn.onnx"
)
model.export(f"{folder}/cnn_saved", verbose=False)
converter = tf.lite.TFLiteConverter.from_saved_model(f"{folder}/cnn_saved")
open(f"{folder}/cnn.tflite", "wb").write(converter.convert())
"""


@dataclass(frozen=True)
class Body:
    """A request's body in a file; `header_length` where tensors follow behind JSON."""

    file: Path
    header_length: int | None = None


def prepared() -> Path:
    """Return the folder with models and bodies, made once."""
    folder = places().cache / "bench" / "models"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _ridge(folder)
        subprocess.run([sys.executable, "-c", _MAKE_CNN, str(folder)], check=True)
        _bodies(folder)
        (folder / "complete").touch()
    return folder


def _ridge(folder: Path) -> None:
    import joblib
    from skl2onnx import to_onnx
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge

    rows, target = load_diabetes(return_X_y=True)
    ridge = Ridge(alpha=0.5).fit(rows, target)
    joblib.dump(ridge, folder / "ridge.joblib")
    (folder / "ridge.onnx").write_bytes(
        to_onnx(ridge, rows[:1].astype(np.float32), target_opset=18).SerializeToString()
    )
    row = [round(float(value), 6) for value in rows[0]]
    _write(folder / "ridge-rows.json", {"data": [row]})
    tensor = {"name": "X", "shape": [1, 10], "datatype": "FP32", "data": row}
    _write(folder / "ridge-tensor.json", {"inputs": [tensor]})


def _bodies(folder: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 160, 160, 3), dtype=np.uint8)
    _write(folder / "cnn-rows.json", {"data": image.tolist()})
    described = {"name": "image", "shape": [1, 160, 160, 3]}
    tensor = {**described, "datatype": "FP32", "data": image.ravel().tolist()}
    _write(folder / "cnn-tensor.json", {"inputs": [tensor]})
    for name, datatype, values in (
        ("cnn-uint8", "UINT8", image),
        ("cnn-fp32", "FP32", image.astype(np.float32)),
    ):
        sized = {"parameters": {"binary_data_size": values.nbytes}}
        header = json.dumps({"inputs": [{**described, "datatype": datatype, **sized}]}).encode()
        (folder / name).write_bytes(header + values.tobytes())
        (folder / f"{name}.length").write_text(str(len(header)))


def body(folder: Path, name: str) -> Body:
    """Return a body by its name."""
    length = folder / f"{name}.length"
    if length.exists():
        return Body(folder / name, int(length.read_text()))
    return Body(folder / f"{name}.json")


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")))
