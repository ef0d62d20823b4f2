from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comal_trainer.contract import ContractError
from comal_trainer.contract.progress import (
    AUDIENCE,
    MAX_REPORT_BYTES,
    PROGRESS_DIR,
    PROGRESS_TOKEN_FILE,
    PROGRESS_URL_ENV,
    SERIES_DIR,
    Report,
)

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "step-contract.md").read_text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = (
    "percent etaSeconds epoch step metrics resumedFrom message ageSeconds".split()  # noqa: SIM905
)


def test_the_page_says_the_same() -> None:
    [example] = re.findall(r"```json\n(\{\"percent.*?)\n```", PAGE, re.DOTALL)
    assert set(json.loads(example)) == set(FIELDS)
    assert Report.decode(example).epoch == "9/20"
    for field in FIELDS:
        assert f"| `{field}` |" in PAGE
    words = (AUDIENCE, PROGRESS_DIR, PROGRESS_TOKEN_FILE, PROGRESS_URL_ENV, SERIES_DIR)
    assert [word for word in words if word not in PAGE] == []


def test_a_whole_report_is_read() -> None:
    said = {
        "percent": 45.5,
        "etaSeconds": 1900,
        "epoch": "9/20",
        "step": 8200,
        "metrics": {"val/loss": 0.41, "steps": 12, "gone": float("nan")},
        "resumedFrom": "step 8000",
        "message": "fine-tuning – second phase",
        "ageSeconds": 2,
    }
    assert Report.decode(json.dumps(said)) == Report(
        percent=45.5,
        eta_seconds=1900,
        epoch="9/20",
        step=8200,
        metrics={"val/loss": "0.41", "steps": "12", "gone": "NaN"},
        resumed_from="step 8000",
        message="fine-tuning – second phase",
        age_seconds=2.0,
    )


def test_what_a_step_does_not_know_may_be_null_or_left_out() -> None:
    assert Report.decode('{"percent": null}') == Report.decode(b"{}") == Report()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", ["not JSON"], id="nothing"),
        pytest.param("[40]", ["not a JSON object"], id="a list"),
        pytest.param(b"\xff\xfe{", ["not JSON"], id="no text"),
        pytest.param("[" * 9000, ["not JSON"], id="a deep list"),
        pytest.param(" " * (MAX_REPORT_BYTES + 1), ["16385", "16384"], id="too large"),
        pytest.param('{"percent": 1, "percent": 2}', ["twice"], id="a field twice"),
        pytest.param('{"precent": 40}', ["precent", "percent"], id="an unknown field"),
        pytest.param('{"percent": 101}', ["percent", "101", "from 0 to 100"], id="101 percent"),
        pytest.param('{"percent": NaN}', ["percent", "nan"], id="percent NaN"),
        pytest.param('{"percent": "40"}', ["percent", "'40'"], id="a quoted percent"),
        pytest.param('{"percent": true}', ["percent"], id="a true percent"),
        pytest.param('{"percent": 1' + "0" * 400 + "}", ["percent"], id="a huge percent"),
        pytest.param('{"etaSeconds": 1.5}', ["etaSeconds", "whole"], id="half a second"),
        pytest.param('{"etaSeconds": -1}', ["etaSeconds", "-1"], id="a negative wait"),
        pytest.param('{"epoch": 9}', ["epoch", "in quotes"], id="an epoch without quotes"),
        pytest.param('{"epoch": "9 of 20"}', ["epoch", "9/20"], id="an epoch in words"),
        pytest.param('{"step": "8200"}', ["step", "8200"], id="a quoted step"),
        pytest.param('{"resumedFrom": 8200}', ["resumedFrom"], id="resumed from a number"),
        pytest.param('{"message": "two\\nlines"}', ["message", "one line"], id="two lines"),
        pytest.param('{"message": "' + "x" * 257 + '"}', ["message", "256"], id="long message"),
        pytest.param('{"metrics": [0.4]}', ["metrics"], id="metrics as a list"),
        pytest.param('{"metrics": {"loss": "0.4"}}', ["metrics.loss", "quotes"], id="a text"),
        pytest.param('{"metrics": {"a b": 0.4}}', ["a b", "letters"], id="a name with a blank"),
        pytest.param(
            json.dumps({"metrics": {f"m{n}": n for n in range(65)}}), ["65", "64"], id="65 metrics"
        ),
    ],
)
def test_a_bad_report_is_refused_by_field_value_and_remedy(
    text: str | bytes, words: list[str]
) -> None:
    with pytest.raises(ContractError) as refused:
        Report.decode(text)
    for word in words:
        assert word in str(refused.value)
    assert len(str(refused.value)) < 400


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_json_is_read_or_refused(value: dict[str, object]) -> None:
    try:
        report = Report.decode(json.dumps(value))
    except ContractError:
        return
    assert report.percent is None or 0 <= report.percent <= 100
    assert len(report.metrics) <= 64
