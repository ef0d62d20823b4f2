"""Rollouts that the API server must refuse, and what it must say: field and remedy."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.wrong_serving import endpoint


def rollout(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a ModelDeployment with this rollout."""
    return endpoint(rollout={**({"steps": list(steps)} if steps else {}), **more})


def smoking(**smoke: Any) -> dict[str, Any]:
    return rollout({"percent": "0", "smoke": smoke})


# (manifest, words that the refusal must have)
WRONG_ROLLOUT = [
    pytest.param(
        rollout({"percent": "10", "shadow": "20"}),
        ("spec.rollout.steps[0]", "exactly one of percent and shadow", "keep one"),
        id="a share and a shadow",
    ),
    pytest.param(
        rollout({"for": "5m"}),
        ("spec.rollout.steps[0]", "exactly one of percent and shadow", "keep one"),
        id="a step of nothing",
    ),
    pytest.param(
        rollout({"percent": "10"}, {"shadow": "20"}),
        ("spec.rollout.steps", "must rise from step to step, shadow before", "put the steps"),
        id="a shadow after a share",
    ),
    pytest.param(
        rollout({"shadow": "0"}),
        ("spec.rollout.steps[0]", "shadow must be above 0", "remove the step"),
        id="a shadow of nothing",
    ),
    pytest.param(
        rollout({"percent": "10", "smoke": {}}),
        ("spec.rollout.steps[0]", 'smoke goes with percent "0"', "move it to a step"),
        id="a smoke test too late",
    ),
    pytest.param(
        rollout({"percent": "0", "minRequests": 5}),
        ("spec.rollout.steps[0]", "minRequests goes with a share", "remove it"),
        id="requests where none come",
    ),
    pytest.param(
        rollout({"percent": "10", "approval": "Yes"}),
        ("spec.rollout.steps[0].approval", "Required"),
        id="another approval",
    ),
    pytest.param(
        rollout({"percent": "10", "minRequests": 0}),
        ("spec.rollout.steps[0].minRequests", "greater than or equal to 1"),
        id="no requests at all",
    ),
    pytest.param(
        smoking(path="score"),
        ("spec.rollout.steps[0].smoke.path", "must start with /"),
        id="a path without a slash",
    ),
    pytest.param(
        smoking(method="DELETE"),
        ("spec.rollout.steps[0].smoke.method", "POST"),
        id="a smoke test that deletes",
    ),
    pytest.param(
        smoking(headers=[{"name": "x y", "value": "1"}]),
        ("spec.rollout.steps[0].smoke.headers[0].name", "must be a header's name"),
        id="a header with a space",
    ),
    pytest.param(
        smoking(headers=[{"name": "x", "value": "a\r\nb: c"}]),
        ("spec.rollout.steps[0].smoke.headers[0].value", "printable ASCII on one line"),
        id="two headers in one",
    ),
    pytest.param(
        smoking(timeout="1h"),
        ("spec.rollout.steps[0].smoke.timeout", "from 100ms to 10m", "choose"),
        id="a smoke test of an hour",
    ),
    pytest.param(
        smoking(expect={"tolerance": "much"}),
        ("spec.rollout.steps[0].smoke.expect.tolerance", "must be a number in quotes"),
        id="a tolerance in words",
    ),
    pytest.param(
        rollout(analysis={"errors": {"maxRate": "5%"}}),
        ("spec.rollout.analysis.errors.maxRate", 'a fraction in quotes from "0" to "1"'),
        id="a rate in percent",
    ),
    pytest.param(
        rollout(analysis={"errors": {"maxRate": "1"}}),
        ("spec.rollout.analysis", "judges nothing", "add errors.worseThanStableBy"),
        id="an analysis of nothing",
    ),
    pytest.param(
        rollout(analysis={"latency": {"maxRatioToStable": "0.9"}}),
        ("spec.rollout.analysis.latency.maxRatioToStable", 'a ratio in quotes from "1"'),
        id="a candidate that must be faster",
    ),
    pytest.param(
        rollout(analysis={"latency": {"quantile": "p42", "maxRatioToStable": "1.2"}}),
        ("spec.rollout.analysis.latency.quantile", "p95"),
        id="an odd quantile",
    ),
    pytest.param(
        rollout(analysis={"onInsufficientTraffic": "Ignore"}),
        ("spec.rollout.analysis.onInsufficientTraffic", "Hold"),
        id="another way with too little traffic",
    ),
    pytest.param(
        rollout(onFailure="Pray"), ("spec.rollout.onFailure", "Rollback"), id="another failure"
    ),
    pytest.param(
        rollout(approvedRevisions=["diabetes-v2"]),
        ("spec.rollout.approvedRevisions[0]", "must be a revision as status.candidate"),
        id="an approved version",
    ),
]
