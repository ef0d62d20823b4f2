"""ONNX as it is: copied, after a look at what it refers to."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx

from comal_trainer.card_values import invalid
from comal_trainer.contract import Tensor
from comal_trainer.conversion.parity import Array, onnx_answers


def from_onnx(source: Path, target: Path, _wanted: Tensor, samples: Array | None) -> Array | None:
    """Write `target`; return the model's own answers, which the copy must give again."""
    try:
        model = onnx.load(str(source), load_external_data=False)
    except Exception:  # noqa: BLE001 - protobuf's error has no public name without stubs
        invalid(f"{source.name} is not an ONNX file")
    for tensor in onnx.external_data_helper._get_all_tensors(model):  # noqa: SLF001
        # Such a name may lead anywhere in the scorer's file system.
        if onnx.external_data_helper.uses_external_data(tensor):
            invalid(f"{source.name} keeps its weights in other files; save it as one file")
    shutil.copyfile(source, target)
    return onnx_answers(source, samples)
