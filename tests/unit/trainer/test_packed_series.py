"""What of the series is kept with the run: all of it where there is room, evenly less of more."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import random
from pathlib import Path
from typing import Any

from comal_trainer.contract.progress import MAX_SERIES_TEXT
from comal_trainer.packed_series import pack

NOON = "2026-11-21T12:00:00Z"


def written(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def unpacked(folder: Path) -> list[dict[str, Any]]:
    packed = pack(folder)
    text = gzip.decompress(base64.b64decode(packed.text, validate=True)).decode()
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == packed.lines
    return rows


def test_every_epoch_of_every_step_is_kept(tmp_path: Path) -> None:
    rows = [
        {"time": NOON, "step": n, "epoch": f"{n}/200", "metrics": {"loss": n / 1000}}
        for n in range(1, 201)
    ]
    written(tmp_path, "train", rows)
    written(tmp_path, "evaluate", [{"metrics": {"auc": 0.5}}])
    assert unpacked(tmp_path) == [
        {"from": "evaluate", "time": "", "metrics": {"auc": 0.5}},
        *({"from": "train", **row} for row in rows),
    ]


def test_a_long_series_is_thinned_evenly_and_keeps_its_ends(tmp_path: Path) -> None:
    noise = random.Random(1)
    rows = [{"step": n, "metrics": {"loss": noise.random()}} for n in range(50_000)]
    written(tmp_path, "train", rows)
    steps = [row["step"] for row in unpacked(tmp_path)]
    gaps = {after - before for before, after in itertools.pairwise(steps)}
    assert len(pack(tmp_path).text) <= MAX_SERIES_TEXT
    assert (steps[0], steps[-1]) == (0, 49_999)
    assert len(steps) > 150
    assert max(gaps) <= 2 * sorted(gaps)[len(gaps) // 2]


def test_the_same_series_is_the_same_text(tmp_path: Path) -> None:
    written(tmp_path, "train", [{"metrics": {"loss": 0.5}}])
    assert pack(tmp_path) == pack(tmp_path)


def test_what_is_no_line_and_what_json_cannot_say(tmp_path: Path) -> None:
    lines = '[1]\n{"metrics": {"loss": NaN, "a b": 1}}\n{"metrics": {}}\n{"metr'
    (tmp_path / "train.jsonl").write_text(lines)
    (tmp_path / "link.jsonl").symlink_to("/etc/passwd")
    assert unpacked(tmp_path) == [{"from": "train", "time": "", "metrics": {"loss": "NaN"}}]


def test_without_a_series_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("rubbish\n" * 10)
    assert pack(tmp_path).lines == 0
    assert pack(tmp_path / "none").text == ""


def test_what_an_earlier_run_left_on_the_volume_is_not_kept(tmp_path: Path) -> None:
    times = ["2026-11-21T11:59:59Z", NOON, "2026-11-21T12:00:00.5Z", "yesterday", None]
    rows = [{"time": time, "step": n, "metrics": {"loss": 1}} for n, time in enumerate(times)]
    written(tmp_path, "train", rows)
    written(tmp_path, "earlier", rows[:1])
    text = gzip.decompress(base64.b64decode(pack(tmp_path, since=NOON).text)).decode()
    assert [json.loads(line)["step"] for line in text.splitlines()] == [1, 2, 3, 4]
