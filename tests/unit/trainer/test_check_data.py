"""Data that nothing should learn: each kind of wrong has a reason of its own (seed row D39)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes

from comal_trainer.check_data import drifted
from comal_trainer.contract.data_check import CheckedData
from comal_trainer.contract.statistics import Column, Statistics
from comal_trainer.table import Table
from comal_trainer.table_statistics import describe
from unit.trainer.processes import trainer

FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


def write(path: Path, columns: tuple[str, ...], rows: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines))


@pytest.fixture
def rows() -> list[list[Any]]:
    found: list[list[Any]] = load_diabetes().data.tolist()
    return found


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "w"


def check(workspace: Path, *more: str, code: int) -> CheckedData:
    columns = ("--columns", ", ".join(FEATURES))
    ended = trainer(workspace, "check-data", "--data", "table.csv", *columns, *more)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return CheckedData.decode((workspace.parent / "termination").read_text())


def refused(answer: CheckedData, reason: str, *words: str) -> None:
    assert answer.error is not None
    assert answer.error.reason == reason
    for word in words:
        assert word in answer.error.message


def test_good_data_is_described(workspace: Path, rows: list[list[Any]]) -> None:
    write(workspace / "table.csv", (*FEATURES, "note"), [[*row, "text"] for row in rows])
    answer = check(workspace, code=0)
    assert (answer.rows, answer.columns, answer.error) == (442, 11, None)
    written = json.loads((workspace / ".comal" / "data-statistics.json").read_text())
    assert written["rows"] == 442
    age = written["columns"][0]
    # The figures of the bundled data: means of nothing, one deviation for all.
    assert age["name"] == "age"
    assert age["nulls"] == 0
    assert abs(age["mean"]) < 1e-9
    assert age["std"] == pytest.approx(0.0475651, abs=1e-7)
    assert written["columns"][-1] == {"name": "note", "nulls": 0}


def test_a_missing_column_is_named(workspace: Path, rows: list[list[Any]]) -> None:
    write(workspace / "table.csv", FEATURES[1:], [row[1:] for row in rows])
    refused(check(workspace, code=65), "DataColumnsMissing", "age", "table.csv")


@pytest.mark.parametrize("nothing", ["", "nan", "NULL", "n/a", " "])
def test_empty_cells_are_counted(workspace: Path, rows: list[list[Any]], nothing: str) -> None:
    rows[3][2] = rows[7][2] = nothing
    write(workspace / "table.csv", FEATURES, rows)
    refused(check(workspace, code=65), "DataNulls", "bmi 2 of 442")
    assert check(workspace, "--nulls", "0.01", code=0).rows == 442


def test_drift_against_the_registered_models_data(workspace: Path, rows: list[list[Any]]) -> None:
    write(workspace / "table.csv", FEATURES, rows)
    check(workspace, code=0)
    baseline = workspace.parent / "baseline.json"
    (workspace / ".comal" / "data-statistics.json").rename(baseline)
    compared = ("--baseline", str(baseline))
    assert check(workspace, *compared, code=0).error is None

    moved = np.array(rows)
    moved[:, 3] += 0.03
    write(workspace / "table.csv", FEATURES, moved.tolist())
    refused(check(workspace, *compared, code=65), "DataDrift", "bp: mean moved from")
    assert check(workspace, *compared, "--drift", "1", code=0).error is None

    spread = np.array(rows)
    spread[:, 4] *= 3
    write(workspace / "table.csv", FEATURES, spread.tolist())
    refused(check(workspace, *compared, code=65), "DataDrift", "s1: std moved")

    baseline.write_text("{}")
    ended = trainer(workspace, "check-data", "--data", "table.csv", *compared)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (65, 1)


@pytest.mark.parametrize("content", [None, "", "a,b\n1\n", "\x00\n\x00"])
def test_what_is_no_table_is_told(workspace: Path, content: str | None) -> None:
    workspace.mkdir()
    if content is not None:
        (workspace / "table.csv").write_text(content)
    ended = trainer(workspace, "check-data", "--data", "table.csv")
    assert ended.returncode in {0, 65}
    if ended.returncode:
        answer = CheckedData.decode((workspace.parent / "termination").read_text())
        refused(answer, "DataUnreadable", "table.csv")


@given(st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=2), min_size=1, max_size=9))
def test_any_cells_can_be_described_and_have_not_moved_from_themselves(
    rows: list[list[str]],
) -> None:
    found = describe(Table("t", ("a", "b"), tuple(map(tuple, rows))))
    again = Statistics.read(found.to_json())
    assert [column.nulls for column in again.columns] == [c.nulls for c in found.columns]
    for before, now in zip(again.columns, found.columns, strict=True):
        assert drifted(before, now, 0.5) == ""


def test_a_column_that_never_varied_may_not_move() -> None:
    month = Column("month", 0, "1", "0", "1", "1")
    assert drifted(month, month, 0.5) == ""
    assert drifted(month, Column("month", 0, "2", "0", "2", "2"), 0.5)
    assert drifted(month, Column("month", 0), 0.5)
