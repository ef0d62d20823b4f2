"""No body makes the server fail, and no answer of 200 hides an error."""

from __future__ import annotations

import base64
import json
import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unit.scorer.model_folders import image_body, jpeg
from unit.scorer.scorer_process import Answer, ScorerProcess

# The server under test is started once and keeps no state between requests.
many = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
numbers = st.floats() | st.integers() | st.just(0.1)
rows = st.lists(st.lists(numbers, min_size=9, max_size=11), max_size=4)
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)
PICTURE = jpeg(120, (24, 24))


def right_or_refused(answer: Answer) -> None:
    assert answer.status in {200, 400, 422}
    if answer.status != 200:
        error = answer.json["error"]
        assert error["code"]
        assert error["field"]
        assert error["message"]


@given(body=st.binary(max_size=400))
@many
def test_any_bytes(matrix_scorer: ScorerProcess, body: bytes) -> None:
    right_or_refused(matrix_scorer.score(body))


@given(data=anything)
@many
def test_any_json(matrix_scorer: ScorerProcess, data: object) -> None:
    right_or_refused(matrix_scorer.score(json.dumps({"data": data}).encode()))


@given(data=rows)
@many
def test_any_numbers(matrix_scorer: ScorerProcess, data: list[list[float]]) -> None:
    answer = matrix_scorer.score(json.dumps({"data": data}).encode())

    right_or_refused(answer)
    if answer.status == 200:
        assert len(answer.json["result"]) == len(data)
        assert all(map(math.isfinite, answer.json["result"]))


@given(data=anything)
@many
def test_any_json_as_picture(image_scorer: ScorerProcess, data: object) -> None:
    right_or_refused(image_scorer.score(json.dumps({"data": data}).encode()))


@given(position=st.integers(2, len(PICTURE) - 1), value=st.integers(0, 255), cut=st.booleans())
@many
def test_any_damaged_picture(
    image_scorer: ScorerProcess, position: int, value: int, *, cut: bool
) -> None:
    damaged = bytearray(PICTURE)
    damaged[position] = value

    right_or_refused(image_scorer.score(image_body(bytes(damaged[: position if cut else None]))))


@given(content=st.binary(max_size=200))
@many
def test_any_base64_as_picture(image_scorer: ScorerProcess, content: bytes) -> None:
    body = json.dumps({"data": base64.b64encode(b"\xff\xd8\xff" + content).decode()})

    right_or_refused(image_scorer.score(body.encode()))
