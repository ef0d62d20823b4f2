from __future__ import annotations

import json
from pathlib import Path

from comal_trainer.collect import collect
from comal_trainer.contract import Collected, Reason
from comal_trainer.heartbeat import Heartbeat
from comal_trainer.series import newest_metrics


def line(time: str, **metrics: object) -> str:
    return json.dumps({"time": time, "step": 1, "epoch": None, "metrics": metrics}) + "\n"


def test_what_the_client_wrote_is_summed_up(tmp_path: Path) -> None:
    heart = Heartbeat(workspace=tmp_path, step="train", url="")
    heart.report(metrics={"loss": 0.9, "auc": 0.7})
    heart.report(metrics={"loss": 0.4})
    heart.send()
    answer = collect(tmp_path / "metrics.json", tmp_path / ".comal/metrics")
    assert answer == Collected({"auc": "0.7", "loss": "0.4"})


def test_the_newest_of_all_steps_counts(tmp_path: Path) -> None:
    (tmp_path / "evaluate.jsonl").write_text(line("2026-11-21T12:05:00Z", loss=0.1))
    (tmp_path / "train.jsonl").write_text(
        line("2026-11-21T12:01:00Z", loss=0.9) + line("2026-11-21T12:04:00Z", loss=0.2, lr=0.01)
    )
    assert newest_metrics(tmp_path) == {"loss": "0.1", "lr": "0.01"}


def test_metrics_json_is_the_result(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"loss": 0.5}')
    (tmp_path / "train.jsonl").write_text(line("2026-11-21T12:01:00Z", loss=0.9, lr=0.01))
    assert collect(tmp_path / "metrics.json", tmp_path) == Collected({"loss": "0.5", "lr": "0.01"})


def test_a_wrong_metrics_json_is_not_replaced_by_the_series(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"loss": "low"}')
    (tmp_path / "train.jsonl").write_text(line("", loss=0.9))
    answer = collect(tmp_path / "metrics.json", tmp_path)
    assert answer.error is not None
    assert answer.error.reason == Reason.METRICS_INVALID


def test_without_either_the_metrics_are_missing(tmp_path: Path) -> None:
    answer = collect(tmp_path / "metrics.json", tmp_path / ".comal/metrics")
    assert answer.error is not None
    assert answer.error.reason == Reason.METRICS_MISSING


def test_what_is_no_line_is_passed_over(tmp_path: Path) -> None:
    good = line("2026-11-21T12:01:00Z", loss=0.5, text="low", **{"a b": 1})
    rubbish = 'half a li\n[1]\n{"metrics": 3}\n{"metrics": {"x": true}}\n' + "[" * 5000 + "\n"
    (tmp_path / "train.jsonl").write_text(rubbish + good + '{"metr')
    (tmp_path / "link.jsonl").symlink_to("/etc/passwd")
    assert newest_metrics(tmp_path) == {"loss": "0.5"}


def test_values_of_the_series_never_crowd_out_the_result(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({f"z{n}": n for n in range(60)}))
    (tmp_path / "train.jsonl").write_text(line("", **{f"a{n}": n for n in range(60)}))
    answer = collect(tmp_path / "metrics.json", tmp_path)
    assert answer.error is None
    assert len(answer.metrics) == 64
    assert {f"z{n}" for n in range(60)} <= answer.metrics.keys()


def test_the_answer_fits_whatever_the_series_holds(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"mse": 1}')
    (tmp_path / "train.jsonl").write_text(
        line("", **{f"{n:02}-{'long' * 15}": n / 7 for n in range(60)})
    )
    answer = collect(tmp_path / "metrics.json", tmp_path)
    assert answer.encode()
    assert answer.metrics["mse"] == "1"
