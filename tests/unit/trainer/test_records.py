"""What is kept with a version beside its bytes: signatures, statistics, the baseline's metrics."""

from __future__ import annotations

import hashlib
import hmac
import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comal_trainer.collect import collect
from comal_trainer.contract import (
    MAX_MESSAGE_BYTES,
    Collected,
    ContractError,
    Registered,
    register_arguments,
)
from comal_trainer.contract.statistics import Column, Statistics
from comal_trainer.records import with_records
from comal_trainer.settings import settings_from

PUSHED = Registered(digest="sha256:" + "0" * 64, size=1, files=1)
NUMBERS = st.just("") | st.integers(-(10**5), 10**5).map(str)
COLUMNS = st.builds(Column, st.text(min_size=1, max_size=60), st.integers(0, 10**9), *[NUMBERS] * 4)
TABLES = st.builds(Statistics, st.integers(0, 10**9), st.lists(COLUMNS, max_size=64).map(tuple))


def test_files_are_signed_as_the_original_pipeline_does(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/latest.h5").write_bytes(b"weights")
    (tmp_path / "train.txt").write_text("tacos/1.jpg\t0\n")
    sign = [("data", "train.txt"), ("model", "model/latest.h5")]
    answer = with_records(PUSHED, settings_from({}, str(tmp_path)), sign, "kf_pipeline")

    expected = hmac.new(b"kf_pipeline", b"weights", hashlib.sha256).hexdigest().upper()
    assert [one.of for one in answer.signatures] == ["data", "model"]
    assert answer.signatures[1].hmac == expected
    assert answer.signatures[1].sha256 == hashlib.sha256(b"weights").hexdigest()
    assert Registered.decode(answer.encode()) == answer


@pytest.mark.parametrize("kind", ["nothing", "folder", "link"])
def test_what_cannot_be_signed_is_not_registered(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        (tmp_path / "model").mkdir()
    if kind == "link":
        (tmp_path / "model").symlink_to("/etc/passwd")
    answer = with_records(PUSHED, settings_from({}, str(tmp_path)), [("model", "model")], "k")
    assert answer.error is not None
    assert answer.error.reason == "ModelInvalid"
    assert "register.sign.model: model" in answer.error.message


def test_nothing_is_asked_for_and_nothing_is_there(tmp_path: Path) -> None:
    assert with_records(PUSHED, settings_from({}, str(tmp_path)), [], "") == PUSHED


def test_statistics_come_along_as_far_as_there_is_room(tmp_path: Path) -> None:
    columns = [
        {"name": f"{'x' * 40}{n}", "nulls": n, "mean": n / 7, "std": n / 3, "min": -n / 9, "max": n}
        for n in range(64)
    ]
    (tmp_path / ".comal").mkdir()
    (tmp_path / ".comal/data-statistics.json").write_text(
        json.dumps({"rows": 442, "columns": columns})
    )
    answer = with_records(PUSHED, settings_from({}, str(tmp_path)), [], "")
    assert len(answer.encode()) <= MAX_MESSAGE_BYTES
    found = Statistics.unpacked(answer.statistics)
    assert found.rows == 442
    assert len(found.columns) == 64
    assert found.columns[7] == Column(f"{'x' * 40}7", 7, "1", "2.33333", "-0.777778", "7")


@pytest.mark.parametrize("text", ["", "{}", '{"rows": "1", "columns": []}', "[1", '{"rows": -1}'])
def test_broken_statistics_are_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / ".comal").mkdir()
    (tmp_path / ".comal/data-statistics.json").write_text(text)
    assert with_records(PUSHED, settings_from({}, str(tmp_path)), [], "").statistics == ""


@given(TABLES)
def test_statistics_are_read_as_they_were_packed(table: Statistics) -> None:
    assert Statistics.read(table.to_json()) == table
    packed = table.packed(100_000)
    assert packed == "" if not table.columns else Statistics.unpacked(packed) == table


@given(TABLES, st.integers(0, 3000))
def test_packed_statistics_keep_within_their_room(table: Statistics, room: int) -> None:
    assert len(table.packed(room)) <= room


@pytest.mark.parametrize("text", ["x", "AAAA", "eJyrrgUAAXUA+Q=="])
def test_what_was_not_packed_is_refused(text: str) -> None:
    with pytest.raises(ContractError):
        Statistics.unpacked(text)


def baseline(tmp_path: Path, content: str) -> Collected:
    (tmp_path / "metrics.json").write_text('{"mse": 3, "r2": 0.5}')
    (tmp_path / "baseline-metrics.json").write_text(content)
    file = tmp_path / "baseline-metrics.json"
    return collect(tmp_path / "metrics.json", baseline=(file, ["mse", "p95"]))


def test_the_wanted_metrics_of_the_baseline_are_collected(tmp_path: Path) -> None:
    answer = baseline(tmp_path, '{"mse": 4.5, "r2": 0.4}')
    assert answer.metrics == {"mse": "3", "r2": "0.5"}
    assert answer.baseline == {"mse": "4.5"}
    assert Collected.decode(answer.encode()) == answer


@pytest.mark.parametrize("content", ["", "[]", '{"mse": "4"}', '{"mse": NaN, "mse": 1}'])
def test_a_broken_file_of_the_baseline_is_no_fault_of_the_run(tmp_path: Path, content: str) -> None:
    answer = baseline(tmp_path, content)
    assert (answer.error, answer.baseline) == (None, {})
    assert answer.metrics["mse"] == "3"


def test_what_is_to_be_signed_stands_in_the_arguments() -> None:
    arguments_of = partial(
        register_arguments, url="http://r:5000", repository="models/m", tag="run-1"
    )
    assert arguments_of(key="k", sign={}) == arguments_of()
    arguments = arguments_of(key="k", sign={"model": "model/latest.h5"})
    assert arguments[-2:] == ("--key=k", "--sign=model=model/latest.h5")
