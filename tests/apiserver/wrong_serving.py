"""ModelDeployments that the API server must refuse, and what it must say: field and remedy."""

from __future__ import annotations

from typing import Any

import pytest

DIGEST = "sha256:" + "a" * 64
BY_VERSION = {"name": "diabetes", "version": "2"}


def endpoint(name: str = "diabetes", **spec: Any) -> dict[str, Any]:
    """Return a ModelDeployment that is right but for what the row changes."""
    return {
        "apiVersion": "comal.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {"model": BY_VERSION, **spec},
    }


def choosing(**model: Any) -> dict[str, Any]:
    return endpoint(model={"name": "diabetes", **model})


def rolling(*steps: tuple[str, str], **rollout: Any) -> dict[str, Any]:
    listed = [{"percent": percent, "for": time} for percent, time in steps]
    return endpoint(rollout={"steps": listed, **rollout})


# (manifest, words that the refusal must have)
WRONG_SERVING = [
    pytest.param(
        endpoint(name="d" * 41), ("metadata.name", "at most 40", "shorten"), id="a name of 41"
    ),
    pytest.param(
        choosing(), ("spec.model", "exactly one of version, alias", "keep one"), id="no version"
    ),
    pytest.param(
        choosing(version="2", latest=True),
        ("spec.model", "exactly one of version, alias", "keep one"),
        id="a version and latest",
    ),
    pytest.param(
        choosing(alias="production", trainingRun="alpha-05"),
        ("spec.model", "exactly one of version, alias", "keep one"),
        id="an alias and a run",
    ),
    pytest.param(choosing(latest=False), ("spec.model.latest", "true"), id="latest: false"),
    pytest.param(
        choosing(version="v2"),
        ("spec.model.version", "whole number from 1"),
        id="a version with v",
    ),
    pytest.param(
        choosing(alias="latest"), ("spec.model.alias", "choose a word"), id="latest as alias"
    ),
    pytest.param(
        choosing(version="2", autoUpdate=True),
        ("spec.model", "autoUpdate goes with alias or latest", "remove autoUpdate"),
        id="autoUpdate of one version",
    ),
    pytest.param(
        choosing(version="2", digest="sha256:abc"),
        ("spec.model.digest", "64 hexadecimal digits"),
        id="half a digest",
    ),
    pytest.param(
        endpoint(model={"name": "Diabetes", "version": "2"}),
        ("spec.model.name", "lower-case"),
        id="a model in capitals",
    ),
    pytest.param(
        endpoint(image="not an image"), ("spec.image", "image reference"), id="an image in words"
    ),
    pytest.param(
        endpoint(replicas=0), ("spec.replicas", "greater than or equal to 1"), id="no replicas"
    ),
    pytest.param(
        endpoint(replicas=101), ("spec.replicas", "less than or equal to 100"), id="101 replicas"
    ),
    pytest.param(
        endpoint(limits={"timeout": "11m"}),
        ("spec.limits.timeout", "from 100ms to 10m", "choose"),
        id="a timeout of 11 minutes",
    ),
    pytest.param(
        endpoint(limits={"timeout": "5 seconds"}),
        ("spec.limits.timeout", "must be a duration such as 30s"),
        id="a timeout in words",
    ),
    pytest.param(
        endpoint(predictor={"startupTimeout": "0s"}),
        ("spec.predictor.startupTimeout", "from 1s to 24h", "choose"),
        id="no time to start",
    ),
    pytest.param(
        endpoint(predictor={"env": [{"name": "COMAL_THREADS", "value": "1"}]}),
        ("spec.predictor.env[0]", "set by the operator", "another name"),
        id="env of the operator's",
    ),
    pytest.param(
        endpoint(predictor={"env": [{"name": "X"}]}),
        ("spec.predictor.env[0]", "exactly one of value", "keep one"),
        id="env of nothing",
    ),
    pytest.param(
        endpoint(predictor={"resources": {"requests": {"gpu": 1}}}),
        ("spec.predictor.resources.requests", "nvidia.com/gpu", "correct the name"),
        id="a resource that is none",
    ),
    pytest.param(
        rolling(("10", "5m"), ("10", "5m")),
        ("spec.rollout.steps", "must rise from step to step", "put the steps in order"),
        id="a percent twice",
    ),
    pytest.param(
        rolling(("50", "5m"), ("10", "5m")),
        ("spec.rollout.steps", "must rise from step to step", "put the steps in order"),
        id="steps that fall",
    ),
    pytest.param(
        rolling(("101", "5m")),
        ("spec.rollout.steps[0].percent", 'from "0" to "100"'),
        id="101 percent",
    ),
    pytest.param(
        rolling(("10%", "5m")),
        ("spec.rollout.steps[0].percent", "without %"),
        id="a percent sign",
    ),
    pytest.param(
        rolling(("10", "2h"), ("50", "1h")),
        ("spec.rollout", "deadline must be longer", "raise deadline or shorten"),
        id="steps longer than the deadline",
    ),
    pytest.param(
        rolling(("10", "5m"), drain="2h"),
        ("spec.rollout.drain", "at most 1h"),
        id="a drain of two hours",
    ),
    pytest.param(
        endpoint(revisionHistoryLimit=-1),
        ("spec.revisionHistoryLimit", "greater than or equal to 0"),
        id="a history below nothing",
    ),
]
