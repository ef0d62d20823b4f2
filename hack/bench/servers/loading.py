"""The models as the peers' users have them: MODEL=ridge|cnn, BACKEND=sklearn|onnx|keras."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np  # noqa: E402 - reads the thread settings above

MODEL, BACKEND = os.environ["MODEL"], os.environ["BACKEND"]
FOLDER, PORT = os.environ["MODELS"], int(os.environ["PORT"])
DTYPE = np.float64 if BACKEND == "sklearn" else np.float32
SHAPE = (10,) if MODEL == "ridge" else (160, 160, 3)
INPUT = "X" if MODEL == "ridge" else "image"


def load():
    """Return a function from a batch to its predictions."""
    if BACKEND == "sklearn":
        import joblib

        return joblib.load(f"{FOLDER}/ridge.joblib").predict
    if BACKEND == "keras":
        import keras

        model = keras.models.load_model(f"{FOLDER}/cnn.keras")
        return lambda rows: model.predict(rows, verbose=0)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        f"{FOLDER}/{MODEL}.onnx", options, providers=["CPUExecutionProvider"]
    )
    name, answer = session.get_inputs()[0].name, [session.get_outputs()[0].name]
    return lambda rows: session.run(answer, {name: rows})[0]
