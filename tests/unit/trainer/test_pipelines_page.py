"""The page's commands run, and its table of parameters is that of the command line."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import pytest

from comal_trainer.command_line import parser

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "pipelines.md").read_text()
PIPELINES = ("diabetes", "tacosandburritos", "compliance", "dogbreeds", "taxi")


def children(one: argparse.ArgumentParser) -> dict[str, Any]:
    [found] = [a for a in one._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(found.choices)


def documented() -> dict[tuple[str, str], set[str]]:
    found, pipeline = {}, ""
    for line in PAGE.split("## Parameters")[1].split("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[1].startswith("`"):
            pipeline = cells[0].strip("`") or pipeline
            # The name before each default; values in parentheses are no names.
            names = set(re.findall(r"`(?:--)?([a-z0-9_]+)`", re.sub(r"\([^)]*\)", "", cells[2])))
            found[pipeline, cells[1].strip("`")] = names
    return found


def test_every_parameter_is_on_the_page_and_only_those() -> None:
    known = {}
    for pipeline in PIPELINES:
        for step, one in children(children(parser())[pipeline]).items():
            names = {action.dest for action in one._actions} - {"help", "workspace"}
            known[pipeline, step] = names
    assert documented() == known


@pytest.mark.parametrize("line", re.findall(r"^python -m comal_trainer (.*)$", PAGE, re.MULTILINE))
def test_every_command_of_the_page_is_one(line: str) -> None:
    parser().parse_args(line.split())
