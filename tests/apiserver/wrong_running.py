"""Retry, limits, placement, ttl, suspend and cancel that the API server must refuse."""

from __future__ import annotations

import pytest

from apiserver.wrong_training import changed, run, step

# (manifest, words that the refusal must have)
WRONG_RUNNING = [
    pytest.param(
        run(step(retry={"failures": 21})),
        ("spec.steps[0].retry.failures", "less than or equal to 20"),
        id="21 failures",
    ),
    pytest.param(
        run(step(retry={"interruptions": -1})),
        ("spec.steps[0].retry.interruptions", "greater than or equal to 0"),
        id="fewer interruptions than none",
    ),
    pytest.param(
        run(step(retry={"fatalExitCodes": [0]})),
        ("spec.steps[0].retry.fatalExitCodes[0]", "greater than or equal to 1"),
        id="success as a fatal exit code",
    ),
    pytest.param(
        run(step(retry={"fatalExitCodes": [64, 64]})),
        ("spec.steps[0].retry.fatalExitCodes", "Duplicate"),
        id="a fatal exit code twice",
    ),
    pytest.param(
        run(step(timeouts={"stall": "0s"})),
        ("spec.steps[0].timeouts.stall", "from 1s to 720h", "choose"),
        id="no patience at all",
    ),
    pytest.param(
        run(step(timeouts={"running": "8 hours"})),
        ("spec.steps[0].timeouts.running", "must be a duration such as"),
        id="hours in words",
    ),
    pytest.param(
        run(step(timeouts={"pending": 30})),
        ("spec.steps[0].timeouts.pending", "string"),
        id="a limit without a unit",
    ),
    pytest.param(
        run(step(placement={"onDemandAfter": 3})),
        ("spec.steps[0].placement", "add placement.preset", "remove onDemandAfter"),
        id="leaving spot nodes that nobody asked for",
    ),
    pytest.param(
        run(step(placement={"preset": "aks-spot", "onDemandAfter": 0})),
        ("spec.steps[0].placement.onDemandAfter", "greater than or equal to 1"),
        id="on demand after no interruption",
    ),
    pytest.param(
        run(ttl={"children": "a day"}),
        ("spec.ttl.children", "must be a duration such as"),
        id="a day in words",
    ),
    pytest.param(
        run(ttl={"failed": {"workspace": "3 days"}}),
        ("spec.ttl.failed.workspace", "must be a duration such as"),
        id="days of a failed run in words",
    ),
    pytest.param(
        run(suspend="yes"), ("spec.suspend", "must be of type boolean"), id="suspend in words"
    ),
]

CANCELLED = run(cancel=True)

WRONG_RUNNING_CHANGES = [
    pytest.param(
        CANCELLED,
        changed(CANCELLED, cancel=False),
        ("spec", "cancel is final", "new TrainingRun"),
        id="a cancel taken back",
    ),
    pytest.param(
        run(step(retry={"failures": 1})),
        run(step(retry={"failures": 2})),
        ("spec", "immutable but for suspend, cancel and ttl"),
        id="one more failure allowed",
    ),
]
