"""Answers that are kept for comparison: only marked ones, few, and shown only to who may see."""

from __future__ import annotations

import json
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from comal_scorer.comparison.kept_answers import MOST_NUMBERS, PLACES, KeptAnswers
from comal_scorer.protocol.exchange import Reply
from unit.scorer.conftest import Start
from unit.scorer.model_folders import diabetes
from unit.scorer.scorer_process import ScorerProcess

BODY = json.dumps({"data": [[0.1] * 10, [0.0] * 10]}).encode()


def shown(scorer: ScorerProcess, seconds: int = 600) -> dict[str, Any]:
    path = f"/comal/answers?seconds={seconds}"
    answers = scorer.request("GET", path, x_comal_answers="read").json["answers"]
    return {one["mark"]: one for one in answers}


def apart(count: int) -> list[str]:
    """Return marks of which no two want one place, nor that of the copy."""
    places = {crc32(f"7-{number}".encode()) % PLACES: f"7-{number}" for number in range(400)}
    places.pop(crc32(b"7-copied") % PLACES, None)
    return list(places.values())[:count]


def numbers(*values: float) -> Reply:
    found = np.asarray(values, np.float32)
    return Reply(b"", 0.0, 1, collectable=(found, found))


def kept(table: KeptAnswers) -> dict[str, Any]:
    return {one["mark"]: one["answer"] for one in json.loads(table.page(60))["answers"]}


def test_answers_to_marked_requests_are_shown_whichever_worker_gave_them(start: Start) -> None:
    scorer = start(diabetes()[0], COMAL_WORKERS="2").wait_ready()
    marks = apart(20)
    answers = {mark: scorer.score(BODY, x_comal_pair=mark).json for mark in marks}
    scorer.score(BODY)
    scorer.score(b"{}", x_comal_pair="7-refused")
    scorer.score(BODY, x_comal_pair="7-copied", x_comal_mirror="20")
    for _ in range(8):
        found = shown(scorer)
        assert found.keys() == {*answers, "7-copied"}
    for mark, one in found.items():
        assert (one["copy"], one["count"]) == (mark == "7-copied", 2)
        expected = answers.get(mark, answers[marks[0]])["result"]
        np.testing.assert_allclose(np.ravel(expected), one["answer"], rtol=1e-6)
    assert not shown(scorer, 1) or all(one["age"] <= 1 for one in shown(scorer, 1).values())


@pytest.mark.parametrize(
    ("path", "header", "status", "code"),
    [
        ("/comal/answers?seconds=60", None, 404, "not-found"),
        ("/comal/answers", "read", 400, "bad-query"),
        ("/comal/answers?seconds=nan", "read", 400, "bad-query"),
        ("/comal/answers?seconds=-1", "read", 400, "bad-query"),
    ],
)
def test_kept_answers_are_not_for_callers(
    matrix_scorer: ScorerProcess, path: str, header: str | None, status: int, code: str
) -> None:
    answer = matrix_scorer.request("GET", path, x_comal_answers=header)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


def test_two_that_cannot_keep_all_keep_the_same() -> None:
    stable, candidate = KeptAnswers(1, lambda: 1005.0), KeptAnswers(1, lambda: 1005.0)
    for number in range(20 * PLACES):
        mark = f"12-1763769600.{number:09}"
        stable.keep(mark, numbers(number), of_copy=False)
        if not number % 2:
            candidate.keep(mark, numbers(number), of_copy=True)
    mine, theirs = kept(candidate), kept(stable)
    assert len(theirs) <= PLACES
    # By chance it would be five of a hundred.
    assert len(mine.keys() & theirs.keys()) > PLACES / 4
    assert all(mine[mark] == theirs[mark] for mark in mine.keys() & theirs.keys())


def test_a_new_answer_takes_an_old_ones_place() -> None:
    moment = [0.0]
    table = KeptAnswers(1, lambda: moment[0])
    for now in (1005.0, 1015.0):
        moment[0] = now
        for number in range(5 * PLACES):
            table.keep(f"{now:g}-{number}", numbers(number), of_copy=False)
    assert {mark.partition("-")[0] for mark in kept(table)} == {"1015"}


def test_what_is_kept_of_one_answer_is_bounded() -> None:
    table = KeptAnswers(1)
    table.keep("long", numbers(*range(1000)), of_copy=False)
    table.keep("odd", numbers(float("nan"), float("inf"), 1), of_copy=False)
    table.keep("script", Reply(b'{"fraud": [0.5, "yes"]}', 0.0, 1), of_copy=False)
    table.keep("large", Reply(b'"%s"' % (b"x" * 5000), 0.0, 1), of_copy=False)
    table.keep("text", Reply(b"<b>", 0.0, 1, media_type="text/html"), of_copy=False)
    table.keep("no json", Reply(b"{", 0.0, 1), of_copy=False)
    table.keep("m" * 200, numbers(1), of_copy=False)
    found = json.loads(table.page(60))["answers"]
    assert {one["mark"]: (one["count"], one["answer"]) for one in found} == {
        "long": (1000, [float(one) for one in range(MOST_NUMBERS)]),
        "odd": (3, [None, None, 1.0]),
        "script": (0, {"fraud": [0.5, "yes"]}),
    }


def test_an_answer_that_is_being_written_is_not_shown() -> None:
    table = KeptAnswers(1)
    table.keep("whole", numbers(1), of_copy=False)
    table.keep("torn", numbers(2), of_copy=False)
    at = table._memory.find(b"torn")
    table._memory[at : at + 1] = b"T"
    assert kept(table) == {"whole": [1.0]}
