"""Outputs, checkpoints, workers, caches and queues that the API server must refuse."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.wrong_training import run, step


def workers(**more: Any) -> dict[str, Any]:
    return run(step(distributed={"framework": "TensorFlow", "workers": 2, **more}))


def cache(**more: Any) -> dict[str, Any]:
    return run(step(outputs=["model/"], cache=more))


# (manifest, words that the refusal must have)
WRONG_STEPS = [
    pytest.param(
        run(step(outputs=["/workspace/model"])),
        ("spec.steps[0].outputs[0]", "path inside the workspace", "leading slash"),
        id="an output by its whole path",
    ),
    pytest.param(
        run(step(outputs=["../model"])),
        ("spec.steps[0].outputs[0]", "without a leading slash or .."),
        id="an output outside the workspace",
    ),
    pytest.param(
        run(step(outputs=["model", "model"])),
        ("spec.steps[0].outputs", "Duplicate"),
        id="an output twice",
    ),
    pytest.param(
        run(step(progress={})),
        ("spec.steps[0].progress.from", "Required"),
        id="progress from nowhere",
    ),
    pytest.param(
        run(step(progress={"from": "Log"})),
        ("spec.steps[0].progress.from", "Log", '"Post", "File"'),
        id="progress from the log",
    ),
    pytest.param(
        run(step(checkpoint={"path": "/checkpoints"})),
        ("spec.steps[0].checkpoint.path", "path inside the workspace"),
        id="a checkpoint outside the workspace",
    ),
    pytest.param(
        run(step(checkpoint={"graceSeconds": 20})),
        ("spec.steps[0].checkpoint.path", "Required"),
        id="a checkpoint without a path",
    ),
    pytest.param(
        run(step(checkpoint={"path": "c", "graceSeconds": 601})),
        ("spec.steps[0].checkpoint.graceSeconds", "less than or equal to 600"),
        id="more time to save than ten minutes",
    ),
    pytest.param(
        workers(workers=1),
        ("spec.steps[0].distributed.workers", "greater than or equal to 2"),
        id="one worker",
    ),
    pytest.param(
        workers(workers=65),
        ("spec.steps[0].distributed.workers", "less than or equal to 64"),
        id="65 workers",
    ),
    pytest.param(
        workers(framework="MPI"),
        ("spec.steps[0].distributed.framework", "Unsupported value", "TensorFlow", "PyTorch"),
        id="a framework that nobody tells anything",
    ),
    pytest.param(
        run(step(cache={})),
        ("spec.steps[0]", "declares none", "list them in outputs", "remove cache"),
        id="a cache of no outputs",
    ),
    pytest.param(
        cache(mode="Always"),
        ("spec.steps[0].cache.mode", "Unsupported value", "Refresh"),
        id="a mode that is none",
    ),
    pytest.param(
        cache(mode="Never", maxAge="1h"),
        ("spec.steps[0].cache", "remove maxAge", "mode Auto"),
        id="an age of what is never used",
    ),
    pytest.param(
        cache(maxAge="30 days"),
        ("spec.steps[0].cache.maxAge", "must be a duration such as"),
        id="an age in words",
    ),
    pytest.param(
        run(queue="Team A"),
        ("spec.queue", "must be"),
        id="a queue that no object can be called",
    ),
]
