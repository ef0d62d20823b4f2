"""The Open Inference Protocol v2 over HTTP: paths, metadata, inference, errors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from comal_scorer import __version__, contract
from comal_scorer.codec.infer_answer import BINARY_TYPE, HEADER_LENGTH, encode_answer
from comal_scorer.codec.infer_request import InferRequestReader, header_length
from comal_scorer.codec.tensor_types import name_of
from comal_scorer.limits.admission import Admission
from comal_scorer.protocol.exchange import JSON_TYPE, Call, Given, Headers, Page, Reply
from comal_scorer.request_error import RequestError
from comal_scorer.runtime.tensors import Input, Model, Output

PREFIX = "/v2"
# Decoding more JSON than this takes longer than the event loop should be held; binary tensors are
# not decoded at all.
_LARGE_JSON = 64 * 1024
# Bytes may be pictures, which take longer to decode than many models to answer.
_TEXTS = b"BYTES"


class OpenInference:
    """The dialect: `{"error": "…"}` with a true status code."""

    def admit(self, given: Given) -> None:
        """Let everybody in."""

    def headers(self, given: Given, identifier: str) -> Headers:
        """Return the id that ties this answer to a log line."""
        del given
        return [(contract.REQUEST_ID_HEADER, identifier)]

    def success(self, reply: Reply) -> Headers:
        """Return nothing: the body says it all."""
        del reply
        return []

    def refusal(self, problem: RequestError) -> tuple[int, bytes, Headers]:
        """Return the one sentence that the protocol has room for."""
        return problem.status, _json({"error": problem.message}), list(problem.headers)


class InferRoute:
    """`POST …/infer`."""

    methods = ("POST",)
    media_types = frozenset({JSON_TYPE, BINARY_TYPE})

    def __init__(
        self,
        model: Model,
        name: str,
        version: str,
        reader: InferRequestReader,
        admission: Admission,
    ) -> None:
        """Answer in the name and version that the metadata tell."""
        self._predict = model.predict_all
        self._named = {"model_name": name, "model_version": version}
        self._reader = reader
        self._admission = admission

    async def answer(self, call: Call) -> Reply:
        """Return the tensors that were asked for; raises `RequestError`."""
        length = header_length(call.headers.get(HEADER_LENGTH), call.body)
        size = len(call.body) if length is None else length
        light = size <= _LARGE_JSON and (length is None or _TEXTS not in call.body[:length])
        return await self._admission.run(self._infer, (call.body, length), light=light)

    def _infer(self, given: tuple[bytes, int | None]) -> Reply:
        started = time.perf_counter()
        request = self._reader.read(*given)
        results = self._predict(request.rows, [one.output.name for one in request.wanted])
        named = {**self._named, "id": request.id} if request.id else self._named
        body, length = encode_answer(named, request.wanted, results)
        seconds = time.perf_counter() - started
        rows, result = request.rows, results[0]
        if length is None:
            return Reply(body, seconds, len(rows), collectable=(rows, result))
        headers = ((HEADER_LENGTH, str(length)),)
        return Reply(body, seconds, len(rows), headers, BINARY_TYPE, collectable=(rows, result))


def model_paths(name: str, version: str) -> tuple[str, ...]:
    """Return the model's paths: without a version, and with the only one there is."""
    plain = f"{PREFIX}/models/{name}"
    return (plain, f"{plain}/versions/{version}") if version else (plain,)


def metadata_pages(
    model: Model, name: str, version: str, ready: Callable[[], bool]
) -> dict[str, Page]:
    """Return the protocol's pages by path; `ready` says whether requests should come here."""
    server = _json({"name": "comal", "version": __version__, "extensions": ["binary_tensor_data"]})
    described = _json(
        {
            "name": name,
            "versions": [version] if version else [],
            "platform": model.platform,
            "inputs": [_tensor(model.input)],
            "outputs": [_tensor(output) for output in model.outputs],
        }
    )

    def whether_ready(_: str) -> tuple[int, str, bytes]:
        is_ready = ready()
        return 200 if is_ready else 503, JSON_TYPE, _json({"ready": is_ready})

    pages: dict[str, Page] = {
        PREFIX: lambda _: (200, JSON_TYPE, server),
        f"{PREFIX}/health/live": lambda _: (200, JSON_TYPE, b'{"live":true}'),
        f"{PREFIX}/health/ready": whether_ready,
    }
    for path in model_paths(name, version):
        pages[path] = lambda _: (200, JSON_TYPE, described)
        pages[f"{path}/ready"] = whether_ready
    return pages


def _tensor(tensor: Input | Output) -> dict[str, object]:
    shape = [-1 if size is None else size for size in tensor.shape]
    return {"name": tensor.name, "datatype": name_of(tensor.dtype), "shape": shape}


def _json(content: dict[str, object]) -> bytes:
    return json.dumps(content).encode()
