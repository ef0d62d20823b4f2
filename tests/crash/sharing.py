"""Stories of ModelDeployments whose shares people move: variants, and an endpoint that stops."""

from __future__ import annotations

from typing import Any

from crash.scenario import Move, Scenario, Stage
from crash.serving import (
    NAME,
    Do,
    When,
    deploys,
    has_weight,
    is_,
    is_ready,
    status_of,
    versions,
    wants,
)


def _varies(**green: str) -> Do:
    """Return the move that has a variant of this version and percent from now on, or none."""
    model = {"name": "diabetes", "version": green.get("version", "")}
    variant = {"name": "green", "model": model, "percent": green.get("percent", "0")}
    spec = {"variants": [variant] if green else []}
    return lambda stage: stage.change("ModelDeployment", NAME, spec)


def _suspends(*, suspend: bool) -> Do:
    return lambda stage: stage.change("ModelDeployment", NAME, {"suspend": suspend})


def _green_serves(version: int, percent: str) -> When:
    """Return the predicate that every router gives the variant's version this share."""

    def holds(stage: Stage) -> bool:
        status = status_of(stage)
        green: dict[str, Any] = next(iter(status.get("variants") or ()), {})
        serving = green.get("serving") or {}
        told = {one["revision"]: one.get("acknowledgedPercent") for one in status["traffic"]}
        is_it = serving.get("modelVersion") == f"diabetes-v{version}"
        return is_it and told.get(serving["revision"]) == percent and is_ready(1)(stage)

    return holds


def _is_alone(stage: Stage) -> bool:
    return is_ready(1)(stage) and "variants" not in status_of(stage)


SHARING = (
    Scenario(
        name="variant comes, changes and goes",
        moves=(
            *versions(1, 2, 3),
            Move(deploys()),
            Move(_varies(version="2", percent="30"), is_ready(1)),
            Move(_varies(version="3", percent="60"), _green_serves(2, "30")),
            Move(_varies(), _green_serves(3, "60")),
        ),
        goal=_is_alone,
    ),
    Scenario(
        name="stopped and started midway",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(wants("2"), is_ready(1)),
            Move(_suspends(suspend=True), has_weight(2, "10")),
            Move(_suspends(suspend=False), is_("Suspended")),
        ),
        goal=is_ready(2),
    ),
)
