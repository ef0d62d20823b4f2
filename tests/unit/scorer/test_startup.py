"""What `serve` refuses to serve, and how it says so."""

from __future__ import annotations

import ast
import pickle
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from comal_scorer import contract
from comal_scorer.cores import usable_cores
from unit.scorer.conftest import Start
from unit.scorer.model_folders import Package, brightness, diabetes

RIDGE = diabetes()[0]
PICTURES = brightness()


def card(package: Package, **changes: Any) -> Package:
    return replace(package, card=package.card | changes)


def external_data() -> Package:
    """A model that would read a file outside of its folder as its weights."""
    model = onnx.load_from_string(RIDGE.files["serving/model.onnx"])
    weights = model.graph.initializer.add()
    weights.name = "stolen"
    weights.data_type = onnx.TensorProto.UINT8
    weights.dims.append(16)
    weights.data_location = onnx.TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", "../../../../../../../etc/passwd"
    cast = model.graph.node.add()
    cast.op_type, cast.name = "Identity", "read"
    cast.input.append("stolen")
    cast.output.append("leak")
    output = model.graph.output.add()
    output.name = "leak"
    output.type.tensor_type.elem_type = onnx.TensorProto.UINT8
    return replace(RIDGE, files=RIDGE.files | {"serving/model.onnx": model.SerializeToString()})


@pytest.mark.parametrize(
    ("package", "says"),
    [
        pytest.param(
            replace(RIDGE, files={"model.joblib": pickle.dumps(print)}), "only ONNX", id="pickle"
        ),
        pytest.param(
            replace(RIDGE, files={"serving/model.onnx": b"no model"}), "ONNX Runtime", id="no-onnx"
        ),
        pytest.param(external_data(), "ONNX Runtime", id="external-data"),
        pytest.param(card(RIDGE, contract="free-text"), "free-text", id="unknown-contract"),
        pytest.param(card(RIDGE, contract="base64-image"), "labels", id="contract-without-labels"),
        pytest.param(
            card(PICTURES, contract="data-matrix"), "rows x columns", id="pictures-as-matrix"
        ),
        pytest.param(
            card(PICTURES, preprocessing={"image": {"width": 9, "height": 16}}),
            "9 x 16",
            id="other-size",
        ),
        pytest.param(
            card(PICTURES, labels=["one"]), "1 outputs do not fit 1 labels", id="one-label"
        ),
        pytest.param(brightness(output_scale=500), "sigmoid or softmax", id="no-probabilities"),
        pytest.param(
            replace(RIDGE, files=RIDGE.files | {"samples.json": b"[[1, 2]]"}),
            "samples.json",
            id="samples-of-another-shape",
        ),
    ],
)
def test_a_model_that_cannot_be_served_is_refused(
    start: Start, package: Package, says: str
) -> None:
    scorer = start(package)

    assert scorer.exit_code() == 1
    message = scorer.termination_message()
    assert message["reason"] == "ModelInvalid"
    assert says in message["message"]
    assert "Traceback" not in scorer.errors()


@pytest.mark.parametrize("field", ["samples", "file"])
def test_a_card_cannot_name_a_file_outside(start: Start, field: str) -> None:
    package = card(RIDGE, format="onnx", **{field: "../../etc/passwd"})
    scorer = start(replace(package, files={"model.joblib": b""}))

    assert scorer.exit_code() == 1
    message = scorer.termination_message()
    assert message["reason"] == "ArtifactInvalid"
    assert f"model.yaml {field}" in message["message"]


@pytest.mark.parametrize(
    "path", ["serving/model.onnx", "model.joblib", "samples.json", "config.json", "manifest.json"]
)
def test_one_flipped_byte_stops_it(start: Start, tmp_path: Path, path: str) -> None:
    models = tmp_path / "models"
    models.mkdir()
    RIDGE.lay_out(models)
    content = bytearray((models / path).read_bytes())
    content[len(content) // 2] ^= 1
    (models / path).write_bytes(content)

    scorer = start(RIDGE)

    assert scorer.exit_code() == 1
    assert scorer.termination_message()["reason"] == "DigestMismatch"


def test_an_empty_folder_says_what_to_do(start: Start, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()

    scorer = start(RIDGE)

    assert scorer.exit_code() == 1
    assert scorer.termination_message()["reason"] == "ArtifactNotFound"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (contract.MODEL_DIGEST_ENV, ""),
        (contract.PORT_ENV, "http"),
        (contract.PORT_ENV, "70000"),
        (contract.METRICS_PORT_ENV, "0"),
        (contract.THREADS_ENV, "0"),
        (contract.DRAIN_SECONDS_ENV, "nan"),
        (contract.DRAIN_SECONDS_ENV, "-1"),
        (contract.MAX_BODY_BYTES_ENV, "4Mi"),
        (contract.REQUEST_LOG_ENV, "yes"),
        (contract.REVISION_ENV, "a\tb"),
    ],
)
def test_a_wrong_setting_is_named(start: Start, name: str, value: str) -> None:
    scorer = start(RIDGE, **{name: value})

    assert scorer.exit_code() == 1
    message = scorer.termination_message()
    assert message["reason"] == "SettingsInvalid"
    assert message["message"].startswith(name)


def test_a_taken_port_is_named(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        scorer = start(RIDGE, **{contract.PORT_ENV: port})

        assert scorer.exit_code() == 1

    assert port in scorer.termination_message()["message"]


def test_a_model_without_samples_is_proved_on_zeros(start: Start) -> None:
    plain = {key: value for key, value in RIDGE.card.items() if key != "samples"}

    start(replace(RIDGE, card=plain)).wait_ready()


def test_a_model_that_is_onnx_already_needs_no_conversion(start: Start) -> None:
    onnx_file = RIDGE.files["serving/model.onnx"]
    package = Package(
        {"format": "onnx", "file": "my.onnx", "contract": "data-matrix"}, {"my.onnx": onnx_file}
    )
    scorer = start(package).wait_ready()

    answer = scorer.score(b'{"data": [[0,0,0,0,0,0,0,0,0,0]]}')

    assert answer.json["result"] == pytest.approx([diabetes()[1].intercept_], rel=1e-5)
    assert np.isfinite(answer.json["result"]).all()


@pytest.mark.parametrize(
    ("files_by_name", "cores"),
    [
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu,cpuacct/cpu.cfs_quota_us": "-1", "cpu,cpuacct/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_cores_follow_the_container_limit(
    tmp_path: Path, files_by_name: dict[str, str], cores: int | None
) -> None:
    for name, content in files_by_name.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")

    assert usable_cores(tmp_path) == (cores or usable_cores(tmp_path / "nothing"))


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_the_contract_needs_the_standard_library_alone() -> None:
    imports = _imports(Path(contract.__file__))

    assert imports <= set(sys.stdlib_module_names)


def test_no_module_of_the_scorer_can_load_a_pickle() -> None:
    loaders = {"pickle", "joblib", "dill", "cloudpickle", "torch", "skops", "marshal", "shelve"}
    modules = list(Path(contract.__file__).parent.glob("*.py"))

    assert modules
    assert not loaders & set().union(*map(_imports, modules))
    assert not any("allow_pickle" in module.read_text() for module in modules)
