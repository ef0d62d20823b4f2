"""The contracts input-data and ints-list: columns by name, word numbers, texts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from comal_scorer.codec.vocabulary import Vocabulary
from comal_trainer.vocabulary import Vocabulary as TrainersVocabulary
from unit.scorer.model_folders import Package, weighted
from unit.scorer.scorer_process import Answer, ScorerProcess

COLUMNS = ["distance", "passengers", "hour", "vendor"]
WEIGHTS = [1.0, 10.0, 100.0, 1000.0]
WORDS = ["steel", "in", "fair", "condition", "it's"]
LENGTH = 6


def taxi() -> Package:
    return weighted("input-data", COLUMNS, WEIGHTS)


def compliance(**text: Any) -> Package:
    weights = [10.0**place for place in range(LENGTH)]
    settings = {"length": LENGTH, "words": 10, **text}
    files = {"vocabulary.txt": "\n".join(WORDS).encode()}
    card = {"preprocessing": {"text": settings}, "files": files}
    return weighted("ints-list", [], weights, **card)


@pytest.fixture(scope="module")
def columns_scorer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    scorer = ScorerProcess(taxi(), tmp_path_factory.mktemp("taxi")).wait_ready()
    yield scorer
    scorer.stop()


@pytest.fixture(scope="module")
def texts_scorer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    package = compliance(vocabulary="vocabulary.txt")
    scorer = ScorerProcess(package, tmp_path_factory.mktemp("texts")).wait_ready()
    yield scorer
    scorer.stop()


def ask(scorer: ScorerProcess, content: Any) -> Answer:
    return scorer.score(json.dumps(content).encode())


def table(columns: Any, data: Any, **more: Any) -> dict[str, Any]:
    return {"input_data": {"columns": columns, "data": data, **more}}


def test_bare_rows_are_in_the_models_order(columns_scorer: ScorerProcess) -> None:
    answer = ask(columns_scorer, {"input_data": [[1, 2, 3, 4], [0, 0, 0, 1]]})

    assert (answer.status, answer.json) == (200, [4321.0, 1000.0])


def test_named_columns_may_come_in_any_order(columns_scorer: ScorerProcess) -> None:
    given = table(["vendor", "hour", "distance", "passengers"], [[4, 3, 1, 2]], index=[7])

    assert ask(columns_scorer, given).json == [4321.0]


def test_further_columns_are_left_out(columns_scorer: ScorerProcess) -> None:
    given = table(["tip", *COLUMNS], [[99, 1, 2, 3, 4]])

    assert ask(columns_scorer, given).json == [4321.0]


def test_many_rows(columns_scorer: ScorerProcess) -> None:
    rows = np.arange(4000).reshape(1000, 4).tolist()
    reverse = [row[::-1] for row in rows]

    expected = (np.array(rows) @ WEIGHTS).tolist()
    assert ask(columns_scorer, {"input_data": rows}).json == pytest.approx(expected)
    named = ask(columns_scorer, table(COLUMNS[::-1], reverse)).json
    assert named == pytest.approx(expected)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (7, "body"),
        ({}, "input_data"),
        ({"input_data": []}, "input_data"),
        ({"input_data": [[1, 2, 3]]}, "input_data[0]"),
        ({"input_data": [[1, 2, 3, "4"]]}, "input_data[0][3]"),
        ({"input_data": [[1, 2, 3, 1e39]]}, "input_data[0][3]"),
        ({"input_data": {}}, "input_data.columns"),
        (table("abc", []), "input_data.columns"),
        (table([1], [[1]]), "input_data.columns"),
        (table(COLUMNS[:3], [[1, 2, 3]]), "input_data.columns"),
        (table([*COLUMNS, "hour"], [[1, 2, 3, 4, 5]]), "input_data.columns"),
        (table(COLUMNS, []), "input_data.data"),
        (table(COLUMNS, None), "input_data.data"),
        (table(COLUMNS, [[1, 2, 3]]), "input_data.data[0]"),
        (table(COLUMNS, [[1, 2, 3, 4], [1, 2, None, 4]]), "input_data.data[1][2]"),
        (table(COLUMNS, [[1, 2, 3, True]]), "input_data.data[0][3]"),
        (table(COLUMNS, [[1, 2, 3, 4]], index=[0, 1]), "input_data.index"),
        (table(COLUMNS, [[1, 2, 3, 4]], index="a"), "input_data.index"),
    ],
)
def test_the_first_mistake_is_named(
    columns_scorer: ScorerProcess, content: Any, field: str
) -> None:
    answer = ask(columns_scorer, content)

    assert (answer.status, answer.json["error"]["field"]) == (400, field)


def test_a_missing_column_is_told_by_name(columns_scorer: ScorerProcess) -> None:
    answer = ask(columns_scorer, table(["distance", "hour", "vendor"], [[1, 2, 3]]))

    assert "passengers missing" in answer.json["error"]["message"]


def test_numbers_of_words(texts_scorer: ScorerProcess) -> None:
    answer = ask(texts_scorer, [[0, 0, 0, 0, 2, 1], [9, 0, 0, 0, 0, 0]])

    # A JSON string that holds a JSON list.
    assert json.loads(answer.json) == [120000.0, 9.0]


def test_texts_are_read_by_the_models_own_vocabulary(texts_scorer: ScorerProcess) -> None:
    answer = ask(texts_scorer, ["Steel, in FAIR condition!", "it's unknown", ""])
    read = [[0, 0, 1, 2, 3, 4], [0, 0, 0, 0, 0, 5], [0] * 6]

    assert json.loads(answer.json) == json.loads(ask(texts_scorer, read).json)


def test_texts_as_tensors(texts_scorer: ScorerProcess) -> None:
    text = {"name": "rows", "shape": [1], "datatype": "BYTES", "data": ["steel in"]}
    body = json.dumps({"inputs": [text]}).encode()
    answer = texts_scorer.request("POST", "/v2/models/model/infer", body)

    assert answer.json["outputs"][0]["data"] == [210000.0]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({}, "body"),
        ([], "body"),
        ([7], "body[0]"),
        ([[1, 2]], "body[0]"),
        ([[0, 0, 0, 0, 0, 10]], "body[0][5]"),
        ([[0, 0, 0, 0, 0, -1]], "body[0][5]"),
        ([[0, 0, 0, 0, 0, 1.5]], "body[0][5]"),
        ([[0, 0, 0, 0, 0, 10**40]], "body[0][5]"),
        ([[0, 0, 0, 0, 0, True]], "body[0][5]"),
        (["text", [0] * 6], "body[0]"),
        ([[0] * 6, "text"], "body[1]"),
    ],
)
def test_what_is_no_row_of_numbers(texts_scorer: ScorerProcess, content: Any, field: str) -> None:
    answer = ask(texts_scorer, content)

    assert (answer.status, answer.json["error"]["field"]) == (400, field)


def test_without_a_vocabulary_texts_are_refused(tmp_path_factory: Any) -> None:
    scorer = ScorerProcess(compliance(), tmp_path_factory.mktemp("numbers")).wait_ready()
    try:
        assert ask(scorer, ["steel"]).status == 400
        assert ask(scorer, [[0] * 6]).status == 200
    finally:
        scorer.stop()


@pytest.mark.parametrize("vocabulary", ["../config.json", "missing.txt"])
def test_a_vocabulary_outside_the_model_is_refused(start: Any, vocabulary: str) -> None:
    scorer = start(compliance(vocabulary=vocabulary))

    assert scorer.exit_code() == 1
    assert "vocabulary" in scorer.termination_message()["message"]


def test_the_trainer_reads_texts_alike() -> None:
    texts = ["Steel, in FAIR condition!", "it's\tnot\nfair-steel " * 5, "", "ÄRGER in_steel"]
    ours = Vocabulary(WORDS, LENGTH).rows(texts)

    np.testing.assert_array_equal(ours, TrainersVocabulary(tuple(WORDS)).encode(texts, LENGTH))
