"""Real models, packaged as OCI artifacts: what a registry would hold, laid out as `fetch` does."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from skl2onnx import to_onnx
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from comal_scorer import contract

COLUMNS = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]


@dataclass(frozen=True)
class Package:
    """An artifact in memory: the card, the files by path, and what follows from them."""

    card: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def config(self) -> bytes:
        return json.dumps(self.card).encode()

    @property
    def manifest(self) -> bytes:
        layers = []
        for path, content in sorted(self.files.items()):
            layer = descriptor(contract.FILE_MEDIA_TYPE, content)
            layers.append({**layer, "annotations": {contract.TITLE_ANNOTATION: path}})
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": contract.MANIFEST_MEDIA_TYPE,
                "artifactType": contract.ARTIFACT_TYPE,
                "config": descriptor(contract.CONFIG_MEDIA_TYPE, self.config),
                "layers": layers,
            }
        ).encode()

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    def lay_out(self, folder: Path) -> Path:
        """Write what `fetch` leaves behind."""
        for path, content in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / contract.CONFIG_FILE).write_bytes(self.config)
        (folder / contract.MANIFEST_FILE).write_bytes(self.manifest)
        return folder


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def diabetes() -> tuple[Package, Ridge]:
    """The ridge of the diabetes sample, as converted, with its original to compare with."""
    rows, target = load_diabetes(return_X_y=True)
    ridge = Ridge(alpha=0.5).fit(rows, target)
    model = to_onnx(ridge, rows[:1].astype(np.float32)).SerializeToString()
    card = {
        "format": "sklearn-joblib",
        "file": "model.joblib",
        "contract": "data-matrix",
        "signature": {"inputs": [{"name": "X", "dtype": "float32", "columns": COLUMNS}]},
        "samples": "samples.json",
    }
    files = {
        "model.joblib": b"this must never be opened",
        "samples.json": json.dumps(rows[:2].tolist()).encode(),
        "serving/model.onnx": model,
    }
    return Package(card, files), ridge


def weighted(contract: str, columns: list[str], weights: list[float], **card: Any) -> Package:
    """The weighted sum of a row: an answer that shows which column went where."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["rows", "weights"], ["sum"])],
        "weighted",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", len(weights)])],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(np.array(weights, np.float32)[:, None], "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    signature = {"inputs": [{"name": "rows", "columns": columns}]}
    files = {"serving/model.onnx": model.SerializeToString()}
    files |= card.pop("files", {})
    named = {"format": "keras", "contract": contract, "signature": signature, **card}
    return Package(named, files)


def brightness(
    *,
    rounds: int = 0,
    output_scale: float = 1.0,
    contract: str = "base64-image",
    size: int = 16,
) -> Package:
    """A picture classifier: sigmoid of (mean brightness - 0.5) * 10, one output, two labels.

    `rounds` of matrix multiplication make it slow without changing the answer.
    """
    steps = [helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0)]
    constants = [numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes")]
    last = "mean"
    if rounds:
        seed = np.eye(600, dtype=np.float32)
        constants.append(numpy_helper.from_array(seed, "eye"))
        for index in range(rounds):
            # The running value takes part, so that nothing can be folded away at load.
            steps += [
                helper.make_node("Mul", ["eye", last], [f"scaled{index}"]),
                helper.make_node("MatMul", [f"scaled{index}", "eye"], [f"product{index}"]),
                helper.make_node("ReduceMax", [f"product{index}", "both"], [f"out{index}"]),
            ]
            last = f"out{index}"
        constants.append(numpy_helper.from_array(np.array([0, 1], np.int64), "both"))
    constants += [
        numpy_helper.from_array(np.array(0.5, np.float32), "half"),
        numpy_helper.from_array(np.array(10, np.float32), "ten"),
        numpy_helper.from_array(np.array([1, 1], np.int64), "shape"),
        numpy_helper.from_array(np.array(output_scale, np.float32), "output_scale"),
    ]
    steps += [
        helper.make_node("Sub", [last, "half"], ["centred"]),
        helper.make_node("Mul", ["centred", "ten"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["flat"]),
        helper.make_node("Mul", ["flat", "output_scale"], ["stretched"]),
        helper.make_node("Reshape", ["stretched", "shape"], ["probability"]),
    ]
    shape: list[str | int | None] = ["n", size, size, 3]
    graph = helper.make_graph(
        steps,
        "brightness",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [1, 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    card = {
        "format": "keras",
        "contract": contract,
        "labels": ["dark", "light"],
        "preprocessing": {"image": {"width": size, "height": size, "scale": 1 / 255, "offset": 0}},
    }
    return Package(card, {"serving/model.onnx": model.SerializeToString()})


def jpeg(shade: int = 255, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, shade, shade)).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def png(shade: int = 255, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (40, 30), shade).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


def image_body(content: bytes) -> bytes:
    return json.dumps({"data": base64.b64encode(content).decode()}).encode()
