"""Inputs and predictions on a volume: at the dated path, tied to requests, beside the traffic."""

from __future__ import annotations

import csv
import json
import signal
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from comal_scorer.collection.layout import Place, column_names, lines
from unit.scorer.conftest import Start
from unit.scorer.model_folders import COLUMNS, brightness, diabetes, image_body, jpeg
from unit.scorer.scorer_process import ScorerProcess

WHERE = {"COMAL_WORKSPACE": "team", "COMAL_SERVICE": "diabetes"}


def collected(root: Path, designation: str) -> list[dict[str, str]]:
    pattern = f"modeldata/team/diabetes/model/3/{designation}/*/*/*/data-*.csv"
    texts = [path.read_text().splitlines() for path in root.glob(pattern)]
    return [row for text in texts for row in csv.DictReader(text)]


def stop(scorer: ScorerProcess) -> None:
    scorer.signal(signal.SIGTERM)
    assert scorer.exit_code() == 0


def test_five_requests_are_five_rows_on_both_sides(start: Start, tmp_path: Path) -> None:
    root = tmp_path / "volume"
    scorer = start(diabetes()[0], COMAL_COLLECT_DIR=str(root), **WHERE).wait_ready()
    rows = np.linspace(-0.1, 0.1, 50).reshape(5, 10)
    for index, row in enumerate(rows):
        scorer.score(json.dumps({"data": [row.tolist()]}).encode(), x_request_id=f"r{index}")
    scorer.score(b"{}", x_request_id="bad")
    stop(scorer)

    inputs, predictions = collected(root, "inputs"), collected(root, "predictions")
    assert [row["correlation_id"] for row in inputs] == [f"r{index}" for index in range(5)]
    assert [row["correlation_id"] for row in predictions] == [f"r{index}" for index in range(5)]
    assert list(inputs[0]) == ["time", "correlation_id", *COLUMNS]
    assert list(predictions[0]) == ["time", "correlation_id", "prediction"]
    given = np.array([[float(row[name]) for name in COLUMNS] for row in inputs])
    answered = np.array([float(row["prediction"]) for row in predictions])
    np.testing.assert_allclose(given, rows, rtol=1e-6)
    np.testing.assert_allclose(answered, diabetes()[1].predict(rows), rtol=1e-4)
    day = datetime.fromisoformat(inputs[0]["time"])
    assert list(root.glob(f"modeldata/team/diabetes/model/3/inputs/{day:%Y/%m/%d}/*.csv"))


def test_rows_are_written_while_the_scorer_runs(start: Start, tmp_path: Path) -> None:
    scorer = start(diabetes()[0], COMAL_COLLECT_DIR=str(tmp_path), **WHERE).wait_ready()
    scorer.score(json.dumps({"data": [[0.0] * 10] * 3}).encode())

    while len(collected(tmp_path, "predictions")) < 3:
        assert scorer.process.poll() is None


def test_one_side_and_a_share(start: Start, tmp_path: Path) -> None:
    root = tmp_path / "volume"
    asked = {"COMAL_COLLECT": "predictions", "COMAL_COLLECT_SAMPLE": "0.2"}
    scorer = start(diabetes()[0], COMAL_COLLECT_DIR=str(root), **WHERE, **asked).wait_ready()
    for index in range(300):
        scorer.score(json.dumps({"data": [[0.0] * 10]}).encode(), x_request_id=f"id-{index}")
    stop(scorer)

    assert collected(root, "inputs") == []
    assert 30 <= len(collected(root, "predictions")) <= 90


def test_a_broken_volume_fails_no_request(start: Start, tmp_path: Path) -> None:
    blocked = tmp_path / "volume"
    blocked.write_text("a file where a folder should be")
    scorer = start(diabetes()[0], COMAL_COLLECT_DIR=str(blocked), **WHERE).wait_ready()

    statuses = {scorer.score(b'{"data": [[0,0,0,0,0,0,0,0,0,0]]}').status for _ in range(20)}

    assert statuses == {200}
    dropped = "comal_scorer_collection_dropped_requests_total 20.0"
    while dropped not in scorer.get("/metrics").body.decode().splitlines():
        assert scorer.process.poll() is None
    stop(scorer)


def test_without_a_folder_nothing_is_kept(start: Start, tmp_path: Path) -> None:
    scorer = start(diabetes()[0], COMAL_COLLECT="inputs").wait_ready()
    scorer.score(b'{"data": [[0,0,0,0,0,0,0,0,0,0]]}')
    stop(scorer)

    assert not list(tmp_path.rglob("*.csv"))


def test_pictures_are_known_by_their_digest(start: Start, tmp_path: Path) -> None:
    root = tmp_path / "volume"
    scorer = start(brightness(size=32), COMAL_COLLECT_DIR=str(root), **WHERE).wait_ready()
    for shade in (10, 10, 200):
        scorer.score(image_body(jpeg(shade)))
    stop(scorer)

    digests = [row["sha256"] for row in collected(root, "inputs")]
    assert digests[0] == digests[1] != digests[2]


def test_names_cannot_leave_the_volume() -> None:
    place = Place(Path("/volume"), "..", "a/../b", "", "../../etc", "pod-1")
    path = place.file("inputs", datetime(2026, 1, 2, tzinfo=UTC))

    assert path.parts[:3] == ("/", "volume", "modeldata")
    assert ".." not in path.parts
    assert path.parts[-5:] == ("inputs", "2026", "01", "02", "data-pod-1.csv")


def test_lines_are_csv() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    text = lines(moment, 'a,"b', np.array([["x,y", 1.5]], object))

    assert list(csv.reader([text])) == [[moment.isoformat(), 'a,"b', "x,y", "1.5"]]
    assert column_names(3, (), "prediction") == ["prediction_0", "prediction_1", "prediction_2"]
