"""Parquet is checked as CSV is: the same table gives the same statistics and the same reasons."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_diabetes

from comal_trainer.check_data import DataRefusedError, Wanted, check_data
from comal_trainer.contract.data_check import CheckedData, DataProblem
from comal_trainer.contract.statistics import Statistics
from comal_trainer.failure import UserError
from comal_trainer.parquet_table import read_parquet
from comal_trainer.settings import settings_from
from comal_trainer.table import read_table, write_table
from comal_trainer.table_statistics import describe
from unit.trainer.processes import trainer

FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


def diabetes() -> Any:
    return pa.table(dict(zip(FEATURES, load_diabetes().data.T, strict=True)))


def written(path: Path, table: Any, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **how)
    return path


def check(
    workspace: Path, *columns: str, nulls: float = 0, drift: float = 0.5, baseline: str = "none"
) -> CheckedData:
    settings = settings_from({}, str(workspace))
    there = workspace / baseline
    return check_data(settings, Wanted(Path("t.parquet"), columns, nulls, drift, there))


def refusal(workspace: Path, *columns: str, **more: Any) -> tuple[str, str]:
    with pytest.raises(DataRefusedError) as found:
        check(workspace, *columns, **more)
    error = found.value.answer.error
    assert error is not None
    assert "\n" not in str(found.value)
    return error.reason, error.message


@pytest.mark.parametrize("rows_of_a_group", [442, 50])
def test_it_is_described_as_the_same_csv(tmp_path: Path, rows_of_a_group: int) -> None:
    table = diabetes()
    path = written(tmp_path / "t.parquet", table, row_group_size=rows_of_a_group)
    write_table(tmp_path / "t.csv", FEATURES, load_diabetes().data)
    found = read_parquet(path).describe(FEATURES)
    wanted = describe(read_table(tmp_path / "t.csv"))
    assert found.rows == wanted.rows == 442
    for one, other in zip(found.columns, wanted.columns, strict=True):
        assert (one.name, one.nulls) == (other.name, other.nulls)
        assert (one.min, one.max) == (other.min, other.max)
        assert float(one.mean) == pytest.approx(float(other.mean), abs=1e-12)
        assert float(one.std) == pytest.approx(float(other.std), rel=1e-9)


KINDS: dict[str, tuple[Any, int, Sequence[float] | None]] = {
    "integers": (pa.array([1, None, 3], pa.int8()), 1, [1, 3]),
    "large integers": (pa.array([2**63, 0, 1], pa.uint64()), 0, [2.0**63, 0, 1]),
    "decimals": (pa.array([Decimal("1.5"), Decimal("2.5"), None]), 1, [1.5, 2.5]),
    "half floats": (pa.array(np.array([1, 2, 4], np.float16)), 0, [1, 2, 4]),
    "NaN is nothing": (pa.array([1.0, float("nan"), None]), 2, [1]),
    "endless numbers": (pa.array([1.0, float("inf"), 2.0]), 0, None),
    "nothing at all": (pa.array([None, None, None], pa.float64()), 3, None),
    "no type": (pa.nulls(3), 3, None),
    "words": (pa.array(["a", " N/A ", None]), 2, None),
    "words of a dictionary": (pa.array(["a", "", None]).dictionary_encode(), 2, None),
    "truths": (pa.array([True, None, False]), 1, None),
    "times": (pa.array([0, None, 1], pa.timestamp("us")), 1, None),
    "lists": (pa.array([[1], None, []]), 1, None),
    "structures": (pa.array([{"a": 1}, None, {"a": None}]), 1, None),
    "bytes": (pa.array([b"", None, b"x"]), 1, None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_of_column(kind: str, tmp_path: Path) -> None:
    values, nulls, numbers = KINDS[kind]
    # A point in a name is no path to a field.
    path = written(tmp_path / "t.parquet", pa.table({"x.y": values}))
    (column,) = read_parquet(path).describe(["x.y"]).columns
    assert (column.name, column.nulls) == ("x.y", nulls)
    if numbers is None:
        assert (column.mean, column.std, column.min, column.max) == ("", "", "", "")
    else:
        said = [float(one) for one in (column.mean, column.std, column.min, column.max)]
        wanted = [np.mean(numbers), np.std(numbers), np.min(numbers), np.max(numbers)]
        assert said == pytest.approx(wanted)


def test_the_numbers_of_far_away_columns_are_not_lost(tmp_path: Path) -> None:
    """Sums of squares would say that these do not vary at all."""
    values = np.array([1e9 + 1, 1e9 + 2, 1e9 + 3] * 40_000)
    path = written(tmp_path / "t.parquet", pa.table({"x": values}))
    (column,) = read_parquet(path).describe(["x"]).columns
    assert float(column.std) == pytest.approx(np.sqrt(2 / 3), rel=1e-6)


def test_only_the_named_columns_are_read(tmp_path: Path) -> None:
    table = diabetes().append_column("note", [["free text"] * 442])
    written(tmp_path / "t.parquet", table)
    answer = check(tmp_path, "bmi", "age")
    assert (answer.rows, answer.columns) == (442, 11)
    text = (tmp_path / ".comal/data-statistics.json").read_text()
    assert [one["name"] for one in json.loads(text)["columns"]] == ["age", "bmi"]
    check(tmp_path)
    text = (tmp_path / ".comal/data-statistics.json").read_text()
    assert len(Statistics.read(text).columns) == 11


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    written(tmp_path / "t.parquet", diabetes())
    reason, told = refusal(tmp_path, "age", "weight")
    assert reason == DataProblem.COLUMNS_MISSING
    assert "t.parquet has no column weight; it has age" in told


def test_empty_cells_are_counted(tmp_path: Path) -> None:
    table = pa.table({"x": [1.0, None, None, 4.0], "y": ["a", "b", "c", ""]})
    written(tmp_path / "t.parquet", table, row_group_size=1)
    reason, told = refusal(tmp_path, "x")
    assert reason == DataProblem.NULLS
    assert "x 2 of 4" in told
    assert check(tmp_path, "x", nulls=0.5).rows == 4
    assert "y 1 of 4" in refusal(tmp_path, nulls=0.1)[1]


def test_drift_is_seen_also_in_columns_that_are_not_named(tmp_path: Path) -> None:
    table = diabetes()
    written(tmp_path / "t.parquet", table)
    check(tmp_path)
    (tmp_path / ".comal/data-statistics.json").rename(tmp_path / "before")
    assert check(tmp_path, "age", baseline="before").rows == 442
    moved = pa.array(table["bp"].to_numpy() + 0.03)
    written(tmp_path / "t.parquet", table.set_column(3, "bp", moved))
    reason, told = refusal(tmp_path, "age", baseline="before")
    assert reason == DataProblem.DRIFT
    assert "bp: mean moved from" in told
    written(tmp_path / "t.parquet", table.drop_columns(["s6"]))
    assert "s6 is gone" in refusal(tmp_path, "age", baseline="before")[1]


def broken(how: str, whole: bytes) -> bytes:
    if how == "the middle is other":
        middle = len(whole) // 2
        return whole[:middle] + bytes(200) + whole[middle + 200 :]
    return {
        "nothing but its mark": b"PAR1",
        "half of it": whole[: len(whole) // 2],
        "its end is other": whole[:-40] + bytes(40),
    }[how]


@pytest.mark.parametrize(
    "how", ["nothing but its mark", "half of it", "its end is other", "the middle is other"]
)
def test_a_broken_file_is_one_clear_error(how: str, tmp_path: Path) -> None:
    path = written(tmp_path / "t.parquet", diabetes(), write_page_checksum=True)
    path.write_bytes(broken(how, path.read_bytes()))
    reason, told = refusal(tmp_path)
    assert reason == DataProblem.UNREADABLE
    assert told.startswith("data: t.parquet cannot be read as parquet: ")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"x": pa.array([], pa.int8())}), "t.parquet is empty; expected rows"),
        (pa.table([[1], [2]], ["x", "x"]), "has two columns named 'x': rename one"),
        (pa.table({}), "t.parquet has no columns"),
    ],
)
def test_a_table_that_is_none(table: Any, words: str, tmp_path: Path) -> None:
    written(tmp_path / "t.parquet", table)
    reason, told = refusal(tmp_path)
    assert reason == DataProblem.UNREADABLE
    assert words in told


def test_csv_is_told_by_its_content_not_by_its_name(tmp_path: Path) -> None:
    text = pa.table({"x": [1, 2]})
    pa_csv.write_csv(text, tmp_path / "t.parquet")
    assert check(tmp_path, "x").rows == 2


def test_other_commands_say_that_they_read_csv(tmp_path: Path) -> None:
    path = written(tmp_path / "t.parquet", diabetes())
    with pytest.raises(UserError, match="is parquet, which check-data alone reads"):
        read_table(path)


def test_the_command_fails_for_good_and_tells_why(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    written(workspace / "t.parquet", diabetes())
    ended = trainer(workspace, "check-data", "--data", "t.parquet", "--columns", "age,weight")
    assert ended.returncode == 65, ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    answer = CheckedData.decode((tmp_path / "termination").read_text())
    assert answer.error is not None
    assert answer.error.reason == DataProblem.COLUMNS_MISSING


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Two million rows in one group are 16 MB a column: never held as a whole."""
    rows = 2_000_000
    path = written(
        tmp_path / "t.parquet",
        pa.table({"x": np.arange(rows, dtype=np.float64)}),
        row_group_size=rows,
        use_dictionary=False,
    )
    pool, usual = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        found = read_parquet(path).describe(["x"])
    finally:
        pa.set_memory_pool(usual)
    assert found.rows == rows
    assert float(found.columns[0].mean) == pytest.approx((rows - 1) / 2)
    assert 0 < pool.max_memory() < 8 << 20
