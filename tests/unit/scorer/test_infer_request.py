"""A small request is read by a shorter way than a large one: both must come to the same."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from comal_scorer.codec.infer_request import InferRequestReader
from comal_scorer.request_error import RequestError
from comal_scorer.runtime.tensors import Input, Output

# Spaces change nothing in JSON, and make a body too large for the short way.
LARGE = b" " * 4096
TENSOR = {"name": "X", "shape": [2, 3], "datatype": "FP32", "data": [1, 2.5, -3e2, 0, 1e-3, 6]}
ODD: list[Any] = [
    *(None, True, 0, 1, -1, 1.0, 2.5, 1e39, 2**63, "", "X", "FP32", "FP64", "FP16", "INT32"),
    *("BOOL", "BYTES", [], {}, [1], [6], [2, 3], [3, 2], [2.0, 3], [2, 3, 1], [True, 3], [-2, -3]),
    *([0, 6], [1] * 9, [[1, 2, 3], [4, 5, 6]], [1, 2, 3, 4, 5, "6"], [1, 2, 3, 4, 5, None]),
    *([1, 2, 3, 4, 5, True], [1, 2, 3, 4, 5, 1e39], [1, 2, 3, 4, 5, 2**63], "i" * 257),
    *([TENSOR], [TENSOR, TENSOR], [{"name": "out"}], {"binary_data_output": True}),
    {"binary_data_size": 24},
]


def readers() -> list[InferRequestReader]:
    """For a model of either float, of whole numbers, and of rows that have no fixed length."""
    outputs = (Output("out", np.dtype(np.float32), (None, 1)),)
    return [
        InferRequestReader(Input("X", np.dtype(kind), (None, width)), outputs, None, None)
        for kind, width in (("f4", 3), ("f8", 3), ("i8", 3), ("f4", None))
    ]


def outcome(reader: InferRequestReader, body: bytes) -> object:
    try:
        request = reader.read(body, None)
    except RequestError as problem:
        return problem.status, problem.code, problem.field, problem.message
    wanted = [(one.output.name, one.binary) for one in request.wanted]
    return request.id, request.rows.dtype, request.rows.tolist(), wanted


def requests() -> list[bytes]:
    """One sound request; each of its fields as each odd value, and gone; fields that it has not."""
    sound: dict[str, Any] = {"id": "a", "inputs": [TENSOR]}
    contents: list[Any] = [sound, {"inputs": [TENSOR]}, *ODD]
    for value in ODD:
        contents += [{**sound, name: value} for name in ("id", "inputs", "outputs", "parameters")]
        contents += [
            {"inputs": [{**TENSOR, name: value}]} for name in (*TENSOR, "parameters", "other")
        ]
    for name in TENSOR:
        contents.append({"inputs": [{key: TENSOR[key] for key in TENSOR if key != name}]})
    for kind in ("FP64", "FP16", "INT64"):
        contents.append({"inputs": [{**TENSOR, "datatype": kind, "data": [1, 2, 3, 4, 5, 6]}]})
    text = json.dumps(sound).encode()
    return [json.dumps(content).encode() for content in contents] + [
        *(b"", b"{", text + b"}", b"\xef\xbb\xbf" + text, text.replace(b'"a"', b'"\xff"')),
        *(text.replace(b"2.5", other) for other in (b"NaN", b"Infinity", b"-0.0", b"1e400")),
        *(text.replace(b"2.5", other) for other in (b"02", b"2.", b".5", b"+2", b"1E5", b"\t2")),
    ]


def test_both_ways_come_to_the_same() -> None:
    bodies = requests()
    for reader in readers():
        for body in bodies:
            assert outcome(reader, body) == outcome(reader, body + LARGE), body


def test_what_most_clients_send_goes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this the other test would compare the long way with itself."""
    reader = readers()[0]
    monkeypatch.setattr(reader, "_documents", None)

    request = reader.read(json.dumps({"id": "a", "inputs": [TENSOR]}).encode(), None)

    assert request.rows.tolist() == np.array(TENSOR["data"], np.float32).reshape(2, 3).tolist()


@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_a_binary_tensor_of_the_models_type_is_not_copied(kind: str) -> None:
    dtype = np.dtype(kind)
    rows = np.arange(6, dtype=dtype).reshape(2, 3)
    tensor = {"name": "X", "shape": [2, 3], "datatype": "FP32" if kind == "<f4" else "FP64"}
    given = {"inputs": [{**tensor, "parameters": {"binary_data_size": rows.nbytes}}]}
    # A header that clients pad: tensors lie where a processor reads them best.
    header = json.dumps(given).encode()
    header += b" " * (-(len(header) + bytes.__basicsize__ - 1) % 8)
    body = header + rows.tobytes()
    reader = InferRequestReader(Input("X", dtype, (None, 3)), (), None, None)

    read = reader.read(body, len(header)).rows

    assert read.tolist() == rows.tolist()
    assert np.shares_memory(read, np.frombuffer(body, np.uint8))
