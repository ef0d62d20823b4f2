from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comal_trainer.collect import collect
from comal_trainer.contract import Collected, JobError, Reason
from comal_trainer.contract.decimals import decimal_text
from comal_trainer.metrics import write_metrics

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
NUMBERS = st.floats(-1e300, 1e300) | st.sampled_from([float("nan"), float("inf"), -float("inf")])


def refused(answer: Collected, reason: Reason, *words: str) -> None:
    assert answer.metrics == {}
    assert isinstance(answer.error, JobError)
    assert answer.error.reason == reason
    for word in words:
        assert word in answer.error.message


def test_finite_numbers_become_decimal_strings(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text('{"mse": 3295.714938563238, "epochs": 5, "big": 12345678901, "zero": 0.0}')
    assert collect(path) == Collected(
        {"big": "12345678901", "epochs": "5", "mse": "3295.714939", "zero": "0"}
    )


def test_numbers_that_are_not_finite_are_kept_for_the_gate_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text('{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e999, "e": 0.5}')
    wanted = {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": "Infinity", "e": "0.5"}
    assert collect(path) == Collected(wanted)


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [
        pytest.param(b"hello", Reason.METRICS_INVALID, ["metrics.json"], id="text"),
        pytest.param(b"", Reason.METRICS_INVALID, ["metrics.json"], id="empty"),
        pytest.param(b"[1]", Reason.METRICS_INVALID, ["object"], id="a list"),
        pytest.param(b"\xff\xfe", Reason.METRICS_INVALID, ["metrics.json"], id="not UTF-8"),
        pytest.param(b'{"mse": "low"}', Reason.METRICS_INVALID, ["mse", "low"], id="a word"),
        pytest.param(b'{"mse": "3.5"}', Reason.METRICS_INVALID, ["quotes"], id="a quoted number"),
        pytest.param(b'{"mse": true}', Reason.METRICS_INVALID, ["mse", "true"], id="a truth"),
        pytest.param(b'{"mse": null}', Reason.METRICS_INVALID, ["mse", "null"], id="null"),
        pytest.param(b'{"a": {"mse": 1}}', Reason.METRICS_INVALID, ["a is"], id="nested"),
        pytest.param(b'{"a": [1, 2]}', Reason.METRICS_INVALID, ["a is"], id="a list inside"),
        pytest.param(b'{"a": 1, "a": 2}', Reason.METRICS_INVALID, ["twice"], id="a name twice"),
        pytest.param(b'{"a b": 1}', Reason.METRICS_INVALID, ["a b"], id="a space in a name"),
        pytest.param(b'{"": 1}', Reason.METRICS_INVALID, ["name"], id="no name"),
        pytest.param(b'{"%b": 1}' % (b"x" * 64), Reason.METRICS_INVALID, ["63"], id="a name of 64"),
        pytest.param(b"[" * 60_000, Reason.METRICS_INVALID, ["metrics.json"], id="deep"),
        pytest.param(
            b'{"a": ' + b"9" * 5000 + b"}", Reason.METRICS_INVALID, ["metrics"], id="long digits"
        ),
        pytest.param(b" " * 10_000_000, Reason.METRICS_TOO_LARGE, ["65536"], id="10 MB"),
        pytest.param(
            json.dumps({f"m{n}": n for n in range(65)}).encode(),
            Reason.METRICS_TOO_LARGE,
            ["65", "64"],
            id="65 metrics",
        ),
        pytest.param(
            json.dumps({f"{n}" + "m" * 60: 0.123456789 + n for n in range(64)}).encode(),
            Reason.METRICS_TOO_LARGE,
            ["shorter names"],
            id="names too long together",
        ),
    ],
)
def test_bad_metrics_end_in_one_reason(
    tmp_path: Path, content: bytes, reason: Reason, words: list[str]
) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    refused(collect(path), reason, *words)


def test_missing_metrics_name_the_variable_to_write_to(tmp_path: Path) -> None:
    refused(collect(tmp_path / "metrics.json"), Reason.METRICS_MISSING, "COMAL_METRICS_FILE")


def test_a_folder_a_link_and_a_pipe_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret").write_text('{"a": 1}')
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "link", "pipe"):
        refused(collect(tmp_path / name), Reason.METRICS_INVALID, "plain file")


@settings(deadline=None)  # a busy machine takes its time
@given(st.dictionaries(NAMES, NUMBERS))
def test_what_a_step_writes_is_what_is_collected(
    tmp_path_factory: pytest.TempPathFactory, metrics: dict[str, float]
) -> None:
    path = tmp_path_factory.mktemp("run") / "metrics.json"
    write_metrics(path, metrics)
    found = collect(path).metrics
    assert {name: float(text) for name, text in found.items()} == pytest.approx(
        metrics, rel=1e-9, abs=0, nan_ok=True
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-0.0, "-0"),
        (100.0, "100"),
        (1e-5, "0.00001"),
        (1.5e-9, "1.5E-9"),
        (1e300, "1E+300"),
        (2**60, "1.152921505E+18"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_a_number_reads_like_a_person_would_write_it(number: float, text: str) -> None:
    assert decimal_text(number) == text
