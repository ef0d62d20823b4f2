"""ONNX as it is: copied, after a look at what it refers to."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx

from comal_trainer.card_values import invalid
from comal_trainer.contract import Tensor
from comal_trainer.conversion.original import Original, as_onnx
from comal_trainer.conversion.parity import Array, onnx_answers


def from_onnx(source: Path, _wanted: Tensor) -> Original:
    """Return the model; the copy must give its answers again."""
    try:
        model = onnx.load(str(source), load_external_data=False)
    except Exception:  # noqa: BLE001 - protobuf's error has no public name without stubs
        invalid(f"{source.name} is not an ONNX file")
    for tensor in onnx.external_data_helper._get_all_tensors(model):  # noqa: SLF001
        # Such a name may lead anywhere in the scorer's file system.
        if onnx.external_data_helper.uses_external_data(tensor):
            invalid(f"{source.name} keeps its weights in other files; save it as one file")

    def answers(samples: Array) -> Array:
        found = onnx_answers(source, samples)
        assert found is not None  # noqa: S101 - there were samples
        return found

    return Original(answers, (as_onnx(lambda target: shutil.copyfile(source, target)),))
