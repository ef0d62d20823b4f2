"""Keeps what is known of a play that ended otherwise, for whoever must find out why."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crash.play import Outcome
from crash.recorder import differences


@dataclass(frozen=True)
class Evidence:
    """A folder with one folder for each play that diverged."""

    folder: Path

    @classmethod
    def empty(cls, folder: Path) -> Evidence:
        """Return the folder without what an earlier command left there."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return cls(folder)

    def keep(self, outcome: Outcome, truth: Outcome, wrong: str) -> Path:
        """Write all of the outcome down; return where."""
        assert outcome.kill is not None
        name = f"{outcome.scenario} {outcome.kill.when} {outcome.kill.write}"
        stem = re.sub(r"\W+", "-", name)
        number = 1 + sum(1 for _ in self.folder.glob(f"{stem}.*"))
        place = self.folder / f"{stem}.{number}"
        place.mkdir()
        found = differences(truth.snapshot, outcome.snapshot) if outcome.snapshot else []
        _write(place / "story.txt", [name, wrong, *found, "", *map(str, outcome.entries)])
        bodies = (one.body for one in outcome.entries if one.body is not None)
        _write(place / "events.jsonl", map(json.dumps, bodies))
        _write(place / "end.json", [_pretty(outcome.snapshot)])
        _write(place / "expected.json", [_pretty(truth.snapshot)])
        return place


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True)
