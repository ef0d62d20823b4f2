"""The types of ONNX Runtime's inputs, in the words of NumPy."""

from __future__ import annotations

from typing import Final

NUMPY_TYPES: Final = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(uint8)": "uint8",
}
