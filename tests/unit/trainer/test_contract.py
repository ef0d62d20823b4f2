from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comal_trainer.contract import (
    MAX_MESSAGE_BYTES,
    Collected,
    ContractError,
    Converted,
    JobError,
    Parity,
    Registered,
    Signature,
    Tensor,
    parameter_variable,
    register_arguments,
)
from comal_trainer.termination import fitting

TEXT = st.text(max_size=20)
ERRORS = st.none() | st.builds(JobError, TEXT, TEXT)
TENSORS = st.builds(Tensor, TEXT, TEXT, st.lists(st.integers(-1, 2**40), max_size=4).map(tuple))
SIGNATURES = st.builds(
    Signature, st.lists(TENSORS, max_size=2).map(tuple), st.lists(TENSORS, max_size=2).map(tuple)
)
MESSAGES = st.one_of(
    st.builds(Collected, st.dictionaries(TEXT, TEXT, max_size=5), ERRORS),
    st.builds(
        Converted,
        TEXT,
        TEXT,
        TEXT,
        st.none() | st.builds(Parity, TEXT, st.integers(0, 9), st.booleans()),
        st.none() | SIGNATURES,
        st.lists(TEXT, max_size=3).map(tuple),
        ERRORS,
    ),
    st.builds(
        Registered,
        st.just("sha256:" + "0" * 64),
        st.integers(0, 2**60),
        st.integers(0, 900),
        ERRORS,
    ),
)


@given(MESSAGES)
def test_every_message_is_read_as_it_was_written(
    message: Collected | Converted | Registered,
) -> None:
    assert type(message).decode(message.encode()) == message


def test_the_words_on_the_wire_are_those_of_the_page() -> None:
    parity = Parity("1.2e-05", 20, proved=True)
    signature = Signature((Tensor("data", "float64", (-1, 10)),), ())
    message = Converted("onnx", "sklearn-joblib", "data-matrix", parity, signature, ("a",))
    assert json.loads(message.encode()) == {
        "format": "onnx",
        "sourceFormat": "sklearn-joblib",
        "contract": "data-matrix",
        "parity": {"maxDifference": "1.2e-05", "samples": 20, "proved": True},
        "signature": {
            "inputs": [{"name": "data", "dtype": "float64", "shape": [-1, 10]}],
            "outputs": [],
        },
        "labels": ["a"],
        "error": None,
    }


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Collected, ""),
        (Collected, "null"),
        (Collected, "[]"),
        (Collected, "{}"),
        (Collected, '{"metrics": {"mse": 1}}'),
        (Collected, '{"metrics": {}, "error": "no"}'),
        (Collected, '{"metrics": {}, "error": {"reason": "X"}}'),
        (Collected, "[" * 100_000),
        (Converted, "{}"),
        (Converted, '{"error": null, "signature": {"inputs": 3, "outputs": []}}'),
        (Converted, '{"error": null, "labels": [1]}'),
        (Converted, '{"error": null, "parity": {"samples": true}}'),
        (Registered, '{"error": null}'),
        (Registered, '{"digest": "sha256:short", "error": null}'),
        (Registered, '{"digest": 7, "error": null}'),
    ],
)
def test_what_is_no_message_is_refused(
    kind: type[Collected | Converted | Registered], text: str
) -> None:
    with pytest.raises(ContractError):
        kind.decode(text)


def test_a_message_too_long_for_the_kubelet_is_refused() -> None:
    with pytest.raises(ContractError, match="at most 4000"):
        Collected({str(number): "x" * 60 for number in range(64)}).encode()


def test_labels_and_then_the_signature_give_way_to_the_limit() -> None:
    tensors = tuple(Tensor("x" * 50, "float32", (-1, number)) for number in range(100))
    message = Converted("onnx", signature=Signature(tensors, ()), labels=("label",) * 900)
    text = fitting(message)
    assert len(text) <= MAX_MESSAGE_BYTES
    assert Converted.decode(text) == Converted("onnx")


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("alpha", "COMAL_PARAM_ALPHA"),
        ("learning-rate", "COMAL_PARAM_LEARNING_RATE"),
        ("a.b/c1", "COMAL_PARAM_A_B_C1"),
        ("größe", "COMAL_PARAM_GR_SSE"),
    ],
)
def test_a_parameter_has_one_variable(name: str, variable: str) -> None:
    assert parameter_variable(name) == variable


def test_register_has_all_its_arguments() -> None:
    found = register_arguments(url="http://r:5000", repository="models/a", tag="run-1")
    assert found == (
        *("register", "--url", "http://r:5000"),
        *("--repository", "models/a", "--tag", "run-1"),
    )
