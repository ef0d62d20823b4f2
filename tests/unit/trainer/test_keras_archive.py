from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from comal_trainer.conversion.keras_archive import check_archive, check_config
from comal_trainer.failure import JobFailure

DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}}


def sequential(*layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"layers": list(layers)},
        **more,
    }


def test_plain_layers_pass() -> None:
    own_loss = {"loss": {"module": "mine", "class_name": "function", "config": "loss"}}
    check_config("m", sequential(DENSE, compile_config=own_loss))


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "keras.layers", "class_name": "Lambda"},
        {"module": "keras.layers", "class_name": "TFSMLayer"},
        {"class_name": "__lambda__", "config": {"value": "gAAA"}},
        {"module": "builtins", "class_name": "function", "config": "exec"},
        {"module": "os", "class_name": "system"},
        {"module": "keras.utils", "class_name": "get_file"},
        {"module": "keras.src.utils.io_utils", "class_name": "print_msg"},
        {"module": "keras", "class_name": "load_model"},
        {"module": None, "class_name": "Mine", "registered_name": "mine>Mine"},
        sequential({"module": "keras.layers", "class_name": "Lambda"}),
        DENSE | {"config": {"kernel_initializer": {"module": "evil", "class_name": "X"}}},
    ],
)
def test_what_could_run_code_is_refused_before_it_is_built(layer: dict[str, Any]) -> None:
    with pytest.raises(JobFailure, match="own layers"):
        check_config("m", sequential(DENSE, layer))


def test_deep_nesting_is_no_way_around() -> None:
    layer: dict[str, Any] = {"module": "os", "class_name": "system"}
    for _ in range(5000):
        layer = {"x": [layer]}
    with pytest.raises(JobFailure, match=r"os\.system"):
        check_config("m", sequential(layer))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(JobFailure, match="h5 is refused"):
        check_archive(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.json", "{}")
    with pytest.raises(JobFailure, match=r"not a \.keras archive"):
        check_archive(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(sequential(DENSE)))
        archive.writestr("../escape", "")
    with pytest.raises(JobFailure, match="file names"):
        check_archive(path)
