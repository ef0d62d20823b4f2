"""Moments of the series of metrics that outlives the workspace."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from comal_operator.core.plan import Create, LogTail
from make import a_gated_run, a_registry
from training_world import World

PACKED = base64.b64encode(b"packed lines").decode()


def collected(said: Any = f"comal-series:{PACKED}\n", lines: int = 3) -> World:
    """A run whose metrics are collected; its Job's log ends so."""
    world = World().add(a_gated_run(), a_registry())
    world.settle()
    world.end("train")
    world.settle()
    answer = {"metrics": {"mse": "3295.7"}, "error": None, "series": lines}
    world.end("comal-collect", said=answer)
    for question in world.plan().questions:
        if isinstance(question, LogTail):
            world.answers[question] = said
    return world


def series(world: World) -> list[Any]:
    return [
        thing
        for (kind, _), thing in world.objects.items()
        if kind == "ConfigMap"
        and thing["metadata"]["labels"]["app.kubernetes.io/component"] == "training-series"
    ]


def test_it_is_kept_before_the_run_goes_on() -> None:
    world = collected()
    first = world.plan().actions[0]
    assert isinstance(first, Create)
    assert first.manifest["kind"] == "ConfigMap"
    world.settle()
    (kept,) = series(world)
    assert kept["binaryData"] == {"metrics.jsonl.gz": PACKED}
    assert kept["metadata"]["ownerReferences"][0]["uid"] == world.run()["metadata"]["uid"]
    assert world.job("comal-convert")
    # Once it is there, nobody asks for the log again.
    world.answers.clear()
    assert not [one for one in world.plan().questions if isinstance(one, LogTail)]


@pytest.mark.parametrize("said", ["", "[ 90 %] something else", "comal-series:not base64!", None])
def test_a_log_without_it_holds_up_nothing(said: Any) -> None:
    world = collected(said)
    world.settle()
    assert series(world) == []
    assert world.job("comal-convert")


def test_a_quota_holds_up_nothing() -> None:
    world = collected()
    (first,) = world.plan().actions
    assert isinstance(first, Create)
    world.refusals["ConfigMap", first.manifest["metadata"]["name"]] = "exceeded quota"
    world.settle()
    assert world.job("comal-convert")


def test_a_run_without_a_series_asks_for_none() -> None:
    world = collected(lines=0)
    world.settle()
    assert series(world) == []
