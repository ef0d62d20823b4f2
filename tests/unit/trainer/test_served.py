"""From a pipeline's command to an answer: what `convert` packs is what the scorer serves."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from comal_trainer.pipelines.taxi.generator import COLUMNS, rides
from comal_trainer.pipelines.taxi.schema import FEATURES
from unit.scorer.model_folders import Package
from unit.scorer.scorer_process import ScorerProcess
from unit.trainer.processes import succeed

pytestmark = pytest.mark.timeout(600)


def packed(workspace: Path) -> Package:
    """Make the package, as it lies in a scoring Pod."""
    assert '"error":null' in succeed(workspace, "convert")
    folder = workspace / ".comal" / "package"
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return Package(yaml.safe_load(files["model.yaml"]), files)


def ask(scorer: ScorerProcess, body: Any, status: int = 200) -> Any:
    answer = scorer.score(json.dumps(body).encode())
    assert answer.status == status, answer.body
    return answer.json


def test_a_text_is_told_by_whoever_has_only_the_model(tmp_path: Path) -> None:
    """Seed rows C16, C25 and C32: texts, ready-made numbers, and the sample call of the seed."""
    workspace = tmp_path / "w"
    sizes = ("--rows", "12000", "--train_rows", "10000", "--validation_rows", "500")
    succeed(workspace, "compliance", "prepare", *sizes)
    succeed(workspace, "compliance", "train", "--words", "1000")
    scorer = ScorerProcess(packed(workspace), tmp_path).wait_ready()
    try:
        texts = [
            "Good condition carbon fiber component manufactured in 2010",
            "Manufactured in 1985 made of steel in fair condition",
        ]
        compliant, not_compliant = json.loads(ask(scorer, texts))
        assert 0 <= compliant < 0.5 < not_compliant <= 1
        seeds_call = [[0] * 92 + [8, 2, 5, 6, 4, 3, 1, 34]]
        [probability] = json.loads(ask(scorer, seeds_call))
        assert 0 <= probability <= 1
        ask(scorer, [[0] * 99], status=400)
        ask(scorer, [[0] * 99 + [1000]], status=400)
    finally:
        scorer.stop()


def test_named_columns_mean_the_same_in_any_order(tmp_path: Path) -> None:
    """Seed row M20: bare rows go by place, named ones never."""
    workspace = tmp_path / "w"
    succeed(workspace, "taxi", "prepare", "--rows", "1000")
    succeed(workspace, "taxi", "train", "--n_estimators", "20")
    scorer = ScorerProcess(packed(workspace), tmp_path).wait_ready()
    try:
        rows = rides(3, 9)[:, [COLUMNS.index(name) for name in FEATURES]].tolist()
        bare = ask(scorer, {"input_data": rows})
        assert len(bare) == 3
        backwards = {"columns": FEATURES[::-1], "data": [row[::-1] for row in rows]}
        assert ask(scorer, {"input_data": {**backwards, "index": [0, 1, 2]}}) == bare
        error = ask(scorer, {"input_data": [row[:19] for row in rows]}, status=400)
        assert "20" in json.dumps(error)
    finally:
        scorer.stop()


def test_a_digit_is_told_from_its_picture(tmp_path: Path) -> None:
    """Seed row G7, by pictures that training never saw."""
    workspace = tmp_path / "w"
    succeed(workspace, "dogbreeds", "prepare", "--images", "60", "--image_size", "32")
    options = ("--image_size", "32", "--base", "small", "--num_epochs", "4", "--batch", "10")
    succeed(workspace, "dogbreeds", "train", *options, "--lr", "0.01")
    scorer = ScorerProcess(packed(workspace), tmp_path).wait_ready()
    try:
        right = 0
        pictures = sorted((workspace / "prepared" / "dogbreeds" / "test").glob("*/000[0-9]5.jpg"))
        for picture in pictures:
            content = base64.b64encode(picture.read_bytes()).decode()
            answer = json.loads(ask(scorer, {"data": content}))
            assert isinstance(answer["probability"], str)
            right += answer["label"] == picture.parent.name
        assert right > 0.8 * len(pictures) > 0
    finally:
        scorer.stop()
