"""The text classifier: its rule, its data, and the seed's exercise in real processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from comal_trainer.pipelines.compliance.rule import descriptions, is_compliant
from unit.trainer.processes import succeed, trainer
from unit.trainer.tensorboard_reader import check_that_tensorboard_shows_the_series

SMALL = ("--rows", "12000", "--train_rows", "10000", "--validation_rows", "500")


@pytest.mark.parametrize(
    ("year", "condition", "material", "expected"),
    [
        # The three examples of the lab that published the rule.
        (1985, "fair", "steel", False),
        (2010, "good", "carbon fiber", True),
        (1995, "fair", "steel", False),
        (1995, "good", "steel", True),
        (1994, "new", "steel", False),
        (2019, "new", "plastic", False),
        (2019, "new", "iron", False),
        (2019, "poor", "steel", False),
    ],
)
def test_the_rule(year: int, condition: str, material: str, expected: bool) -> None:
    assert is_compliant(year, condition, material) is expected


def test_generated_texts_are_always_the_same_and_three_of_five_are_not_compliant() -> None:
    rows = list(descriptions(5000, 1))
    assert rows == list(descriptions(5000, 1))
    assert rows != list(descriptions(5000, 2))
    assert 0.57 < sum(label for _, label in rows) / len(rows) < 0.63


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text,other\na,0\n", ["label", "text, other"]),
        ("text,label\na,2\n", ["line 2", "'2'"]),
        ("text,label\na\n", ["line 2", "None"]),
        ("text,label\na,0\nb,1\n", ["train_rows"]),
        ("\xff", ["no column", "text"]),
    ],
)
def test_a_wrong_csv_is_told_in_one_line(tmp_path: Path, content: str, words: list[str]) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "parts.csv").write_text(content)
    ended = trainer(tmp_path / "w", "compliance", "prepare", "--data", "parts.csv")
    assert ended.returncode == 65
    assert len(ended.stderr.splitlines()) == 1
    for word in words:
        assert word in ended.stderr


@pytest.mark.timeout(600)
def test_the_seeds_learning_rate_is_better_than_its_exercise(tmp_path: Path) -> None:
    """Seed row C20: trained with 0.1, then with 0.3, which collapses; compared on the same data."""
    workspace = tmp_path / "w"
    told = succeed(workspace, "compliance", "prepare", *SMALL)
    assert "generated" in told
    succeed(workspace, "compliance", "train", "--words", "1000")
    succeed(workspace, "compliance", "evaluate")
    first = json.loads((workspace / "metrics.json").read_text())
    assert first["acc"] > 0.85
    assert first["generated_data"] == 1
    assert not (workspace / "baseline-metrics.json").exists()

    card = yaml.safe_load((workspace / "model" / "model.yaml").read_text())
    assert "generated" in card["description"]
    assert card["data"]["generated"] is True
    assert (workspace / "model" / card["preprocessing"]["text"]["vocabulary"]).is_file()
    assert (workspace / "model" / "data.txt").read_text().count("\n") == 3
    for name in ("learning-curve.png", "confusion-matrix.png"):
        assert (workspace / "artefacts" / name).read_bytes().startswith(b"\x89PNG")
    [line] = (workspace / "metrics.jsonl").read_text().splitlines()
    assert json.loads(line)["epoch"] == 1
    check_that_tensorboard_shows_the_series(workspace)

    succeed(workspace, "convert")
    (workspace / ".comal" / "package").rename(tmp_path / "registered")
    succeed(workspace, "compliance", "train", "--words", "1000", "--lr", "0.3")
    baseline = {"COMAL_BASELINE_DIR": str(tmp_path / "registered")}
    succeed(workspace, "compliance", "evaluate", **baseline)
    second = json.loads((workspace / "metrics.json").read_text())
    measured_again = json.loads((workspace / "baseline-metrics.json").read_text())
    assert second["acc"] < 0.8
    assert measured_again == pytest.approx(first, rel=1e-4)
