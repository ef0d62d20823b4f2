"""An inference request of the Open Inference Protocol, as JSON or as JSON with binary tensors."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import msgspec
import numpy as np

from comal_scorer.codec.json_document import Documents, described, field, is_list, is_object
from comal_scorer.codec.tensor_types import BYTES, NUMPY, name_of
from comal_scorer.codec.tensor_values import binary, cast, listed, texts, unpacked
from comal_scorer.request_error import RequestError, bad_request, shown
from comal_scorer.runtime.tensors import Array, Input, Output

_LONGEST_ID = 256
_MOST_AXES = 8
_MOST_TEXTS = 10_000
# Below this one typed decode is quicker than looking at a document field by field.
_SMALL = 2048

# What a model takes beside numbers: texts or pictures, each as bytes.
Elements = Callable[[list[bytes]], Array]


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """An output to be answered; `binary` leaves the JSON for bytes behind it."""

    output: Output
    binary: bool


class InferRequest(msgspec.Struct, frozen=True, gc=False):
    """What is to be predicted, and how it is to be answered."""

    id: str
    rows: Array
    wanted: tuple[Wanted, ...]


class _PlainTensor(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    datatype: str
    shape: list[int]
    # A whole number of more than 64 bits passes here, and nowhere in a large body.
    data: list[float]


class _PlainRequest(msgspec.Struct, forbid_unknown_fields=True):
    inputs: tuple[_PlainTensor]
    id: str | None = None


class InferRequestReader:
    """Reads requests for a model with one input."""

    def __init__(
        self,
        model_input: Input,
        outputs: tuple[Output, ...],
        pixels: Callable[[Array], Array] | None,
        elements: Elements | None,
    ) -> None:
        """Scale UINT8 by `pixels` and turn BYTES into rows by `elements`, where the model can."""
        self._input = model_input
        self._outputs = {output.name: output for output in outputs}
        self._pixels = pixels
        self._elements = elements
        self._documents = Documents()
        self._all = tuple(Wanted(output, binary=False) for output in outputs)
        self._plain = msgspec.json.Decoder(_PlainRequest).decode

    def read(self, body: bytes, header_length: int | None) -> InferRequest:
        """Return the request; raises `RequestError` naming the field.

        The first `header_length` bytes are JSON, what follows are tensors; None: all is JSON.
        """
        if header_length is None and len(body) < _SMALL:
            quick = self._quick(body)
            if quick is not None:
                return quick
        header = body if header_length is None else body[:header_length]
        try:
            document = self._documents.parse(header)
        except (ValueError, RecursionError) as problem:
            message = f"the request is not JSON ({shown(str(problem))})"
            raise bad_request("body-not-json", "body", message) from None
        if not is_object(document):
            raise bad_request("body-not-object", "body", "the request is no JSON object")
        tensor = self._only_tensor(document)
        content = memoryview(body)[len(header) :]
        rows = self._rows(tensor, content)
        return InferRequest(_identifier(field(document, "id")), rows, self._wanted(document))

    def _quick(self, body: bytes) -> InferRequest | None:
        """Return what most small requests are, floats in a flat list and nothing asked for.

        None where only a closer look can tell, and say what is wrong.
        """
        try:
            request = self._plain(body)
        except (ValueError, RecursionError):
            return None
        [tensor] = request.inputs
        dtype = NUMPY.get(tensor.datatype)
        if tensor.name != self._input.name or dtype is None or dtype.kind != "f":
            return None
        shape = _sizes(tensor.shape)
        if not shape or prod(shape) != len(tensor.data):
            return None
        rows = self._typed(cast(np.array(tensor.data, np.float64), dtype), shape)
        return InferRequest(_identifier(request.id), rows, self._all)

    def _only_tensor(self, document: Any) -> Any:
        inputs = field(document, "inputs")
        if not is_list(inputs) or len(inputs) != 1 or not is_object(inputs[0]):
            message = f"inputs: expected one tensor, {self._input.name!r}"
            raise bad_request("field-invalid", "inputs", message)
        tensor = inputs[0]
        name = field(tensor, "name")
        if name != self._input.name:
            message = f"inputs[0].name is {described(name)}, the model's is {self._input.name!r}"
            raise bad_request("field-invalid", "inputs[0].name", message)
        return tensor

    def _rows(self, tensor: Any, content: memoryview) -> Array:
        datatype = field(tensor, "datatype")
        if datatype != BYTES and datatype not in NUMPY:
            message = f"inputs[0].datatype is {described(datatype)}, expected {' or '.join(NUMPY)}"
            raise bad_request("field-invalid", "inputs[0].datatype", message)
        shape = _shape(field(tensor, "shape"))
        size = field(field(tensor, "parameters"), "binary_data_size")
        if size is not None and size != len(content):
            message = (
                f"binary_data_size is {described(size)}, {len(content)} bytes follow the header"
            )
            raise bad_request("binary-size", "inputs[0].parameters.binary_data_size", message)
        if datatype == BYTES:
            return self._of_elements(tensor, shape, None if size is None else bytes(content))
        values = (
            binary(content, NUMPY[datatype], shape)
            if size is not None
            else listed(field(tensor, "data"), NUMPY[datatype], shape)
        )
        return self._typed(values, shape)

    def _of_elements(self, tensor: Any, shape: tuple[int, ...], content: bytes | None) -> Array:
        if self._elements is None:
            wanted = name_of(self._input.dtype)
            message = f"inputs[0].datatype is BYTES, the model takes {wanted}"
            raise bad_request("field-invalid", "inputs[0].datatype", message)
        items = unpacked(content) if content is not None else texts(field(tensor, "data"))
        if prod(shape) != len(items) or not 1 <= len(items) <= _MOST_TEXTS:
            message = f"inputs[0].shape is {list(shape)}, the tensor has {len(items)} elements"
            raise bad_request("field-invalid", "inputs[0].shape", message)
        return self._elements(items)

    def _typed(self, values: Array, shape: tuple[int, ...]) -> Array:
        expected = self._input.shape
        fits = len(shape) == len(expected) and all(
            size in {None, given} for size, given in zip(expected, shape, strict=True)
        )
        if not fits:
            wanted = [-1 if size is None else size for size in expected]
            message = f"inputs[0].shape is {list(shape)}, the model takes {wanted}"
            raise bad_request("field-invalid", "inputs[0].shape", message)
        rows = values.reshape(shape)
        if rows.dtype == np.uint8 and self._pixels is not None:
            return self._pixels(rows)
        return cast(rows, self._input.dtype)

    def _wanted(self, document: Any) -> tuple[Wanted, ...]:
        listed = field(document, "outputs")
        all_binary = field(field(document, "parameters"), "binary_data_output") is True
        if listed is None:
            if not all_binary:
                return self._all
            return tuple(Wanted(output, binary=True) for output in self._outputs.values())
        if not is_list(listed) or not 1 <= len(listed) <= len(self._outputs):
            message = f"outputs: expected a list of some of {', '.join(self._outputs)}"
            raise bad_request("field-invalid", "outputs", message)
        return tuple(self._one_wanted(item, index) for index, item in enumerate(listed))

    def _one_wanted(self, item: Any, index: int) -> Wanted:
        name = field(item, "name")
        output = self._outputs.get(name) if isinstance(name, str) else None
        if output is None:
            known = ", ".join(self._outputs)
            message = f"outputs[{index}].name is {described(name)}, the model has {known}"
            raise bad_request("field-invalid", f"outputs[{index}].name", message)
        return Wanted(output, field(field(item, "parameters"), "binary_data") is True)


def _identifier(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_ID:
        message = f"id is {described(value)}, expected a text of at most {_LONGEST_ID} characters"
        raise bad_request("field-invalid", "id", message)
    return value


def _shape(value: Any) -> tuple[int, ...]:
    sizes = _sizes(value.as_list()) if is_list(value) and len(value) <= _MOST_AXES else ()
    if not sizes:
        message = (
            f"inputs[0].shape is {described(value)}, expected a list of sizes, each at least 1"
        )
        raise bad_request("field-invalid", "inputs[0].shape", message)
    return sizes


def _sizes(values: list[Any]) -> tuple[int, ...]:
    """Return a list of sizes; empty where it is none."""
    if len(values) > _MOST_AXES or not all(type(size) is int and size >= 1 for size in values):
        return ()
    return tuple(values)


def header_length(value: str | None, body: bytes) -> int | None:
    """Return the JSON header's length in bytes; raises `RequestError`."""
    if value is None:
        return None
    if (
        not value.isascii()
        or not value.isdigit()
        or len(value) > 10
        or not 1 <= int(value) <= len(body)
    ):
        name = "inference-header-content-length"
        message = f"{name} is {shown(value)}, the body has {len(body)} bytes"
        raise RequestError(400, "header-invalid", message, field=name)
    return int(value)
