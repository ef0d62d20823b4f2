"""A scorer for every contract, with requests that it answers: what the mutations start from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from unit.scorer.model_folders import (
    COLUMNS,
    Package,
    brightness,
    diabetes,
    image_body,
    jpeg,
    png,
    weighted,
)
from unit.scorer.script_folders import DECLARED, script

INFER = "/v2/models/model/infer"


@dataclass(frozen=True)
class Request:
    """One request as it goes out."""

    method: str
    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


@dataclass(frozen=True)
class Service:
    """A model, its settings, and good requests for it."""

    name: str
    package: Package
    seeds: tuple[Request, ...]
    environment: tuple[tuple[str, str], ...] = ()
    # A script may raise for anything that it declared.
    may_raise: bool = False


def services() -> Iterator[Service]:
    """Every contract, in both modes where they differ."""
    row = [0.1] * 10
    matrix = (score({"data": [row, row]}), score({"data": [row] * 30}), *tensors("X", [1, 10]))
    yield Service("data-matrix", diabetes()[0], matrix)
    table = {"columns": COLUMNS[::-1], "index": [0], "data": [row]}
    named = (score({"input_data": [row]}), score({"input_data": table}))
    yield Service("input-data", weighted("input-data", COLUMNS, [1.0] * 10), named)
    text = {"length": 6, "words": 10, "vocabulary": "v.txt"}
    words = weighted(
        "ints-list",
        [],
        [1.0] * 6,
        preprocessing={"text": text},
        files={"v.txt": b"steel\nin\nfair\n"},
    )
    lists = (score([[1, 2, 3, 0, 0, 0]]), score(["steel in", "fair"]), *tensors("rows", [1, 6]))
    yield Service("ints-list", words, lists)
    pictures = (
        Request("POST", "/score", image_body(jpeg(90, (24, 24)))),
        Request("POST", "/score", image_body(png(90))),
        Request("POST", "/score", jpeg(90, (24, 24)), (("content-type", "image/jpeg"),)),
        Request("POST", "/score", png(90), (("content-type", "image/png"),)),
        *tensors("image", [1, 16, 16, 3]),
    )
    yield Service("base64-image", brightness(), pictures)
    urls = (
        score({"image": "http://127.0.0.1:1/a.jpg"}),
        Request("GET", "/score?image=http://127.0.0.1:1/a.jpg", b"", ()),
        *pictures[:3],
    )
    allowed = (("COMAL_IMAGE_URLS", "http://127.0.0.1:1/ example.invalid"),)
    yield Service("image-url", brightness(contract="image-url"), urls, allowed)
    declared = (score({"data": [[1, 2]]}), Request("GET", "/score?data=[[1,2]]", b"", ()))
    runs = (("COMAL_SCRIPT", "model"),)
    yield Service("script", script(DECLARED), declared, runs, may_raise=True)


def score(content: object) -> Request:
    return Request("POST", "/score", json.dumps(content).encode())


def tensors(name: str, shape: list[int]) -> tuple[Request, Request]:
    """The same tensor as JSON and as bytes behind a JSON header."""
    values = np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32)
    described = {"name": name, "shape": shape, "datatype": "FP32"}
    plain = {"id": "a", "inputs": [{**described, "data": values.tolist()}]}
    sized = {**described, "parameters": {"binary_data_size": values.nbytes}}
    header = json.dumps({"inputs": [sized], "parameters": {"binary_data_output": True}}).encode()
    named = (
        ("content-type", "application/octet-stream"),
        ("inference-header-content-length", str(len(header))),
    )
    return (
        Request("POST", INFER, json.dumps(plain).encode()),
        Request("POST", INFER, header + values.tobytes(), named),
    )
