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


def checking(*checks: dict[str, Any]) -> dict[str, Any]:
    return rollout(analysis={"checks": list(checks)})


def asking(**more: Any) -> dict[str, Any]:
    query = {"address": "http://prometheus:9090", "query": "psi", "max": "0.2", **more}
    return {key: value for key, value in query.items() if value is not None}


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
        (
            "spec.rollout.analysis",
            "judges nothing",
            "add errors.worseThanStableBy, latency or checks",
        ),
        id="an analysis of nothing",
    ),
    pytest.param(
        rollout({"percent": "10"}, analysis={"answers": {"maxDifferent": "0.01"}}),
        (
            "rollout.analysis.answers.maxDifferent",
            "there are none",
            "add a step with shadow, or traffic.mirror",
        ),
        id="answers to no copies",
    ),
    pytest.param(
        rollout({"shadow": "20"}, analysis={"answers": {"maxDifferent": "1"}}),
        ("spec.rollout.analysis.answers", "judges nothing", "choose less"),
        id="answers that may all differ",
    ),
    pytest.param(
        rollout({"shadow": "20"}, analysis={"answers": {"tolerance": "5%"}}),
        ("spec.rollout.analysis.answers.tolerance", 'a fraction in quotes from "0" to "1"'),
        id="a tolerance in percent",
    ),
    pytest.param(
        rollout({"shadow": "20"}, analysis={"answers": {"every": "1s"}}),
        ("spec.rollout.analysis.answers.every", "from 10s to 24h"),
        id="answers compared all the time",
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
        rollout(analysis={"onError": "Ignore"}),
        ("spec.rollout.analysis.onError", "Continue"),
        id="another way without an answer",
    ),
    pytest.param(
        checking({"name": "psi"}),
        ("checks[0]", "exactly one of prometheus and job", "keep one"),
        id="a check of nothing",
    ),
    pytest.param(
        checking({"name": "psi", "prometheus": asking(), "job": {"image": "eval"}}),
        ("checks[0]", "exactly one of prometheus and job", "keep one"),
        id="a check in two ways",
    ),
    pytest.param(
        checking(*({"name": f"c{n}", "job": {"image": "eval"}} for n in range(9))),
        ("spec.rollout.analysis.checks", "at most 8"),
        id="too many checks",
    ),
    pytest.param(
        checking({"name": "psi", "prometheus": asking(max=None)}),
        ("checks[0].prometheus", "neither min nor max", "give a bound"),
        id="a query without a bound",
    ),
    pytest.param(
        checking({"name": "psi", "prometheus": asking(min="1")}),
        ("checks[0].prometheus", "min is above prometheus.max", "exchange them"),
        id="bounds that no value meets",
    ),
    pytest.param(
        checking({"name": "psi", "prometheus": asking(address="file:///etc/passwd")}),
        ("checks[0].prometheus.address", "must be a server's address such as http"),
        id="an address of a file",
    ),
    pytest.param(
        checking({"name": "psi", "prometheus": asking(address="http://a@b:1/?x=y")}),
        ("checks[0].prometheus.address", "without a slash at its end, user or query"),
        id="an address with a user and a query",
    ),
    pytest.param(
        checking({"name": "psi", "prometheus": asking(query="psi{r='$(CANDIDATE)'}")}),
        ("checks[0].prometheus.query", "a variable that does not exist", "docs/rollouts.md"),
        id="an unknown variable",
    ),
    pytest.param(
        checking({"name": "psi", "prometheus": asking(every="1s")}),
        ("checks[0].prometheus.every", "from 10s to 24h"),
        id="a Pod each second",
    ),
    pytest.param(
        checking({"name": "e", "job": {"image": "e", "env": [{"name": "COMAL_X", "value": ""}]}}),
        ("checks[0].job.env[0].name", "COMAL_ are set by the operator", "choose another"),
        id="a check's variable of the operator's",
    ),
    pytest.param(
        checking({"name": "e", "job": {"image": "e", "timeout": "48h"}}),
        ("checks[0].job.timeout", "from 1s to 24h"),
        id="a check of two days",
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
