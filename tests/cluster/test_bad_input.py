"""Bad input ends in one clear condition within seconds, and never in anything half done."""

from __future__ import annotations

import pytest

from cluster_words import a_run, a_step, condition, wait_condition
from demo.kubectl import Kubectl, Manifest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

GATE = {"metric": "mse", "goal": "Minimize", "threshold": "5000"}
REGISTER = {"model": "diabetes"}
TRAIN = "mkdir -p $COMAL_MODEL_DIR; "


def with_metrics(script: str) -> Manifest:
    return a_step("train", TRAIN + script)


WRONG_RUNS = [
    pytest.param(
        a_run("no-image", {"name": "train", "image": "localhost/nowhere/image:none"}),
        ("Stalled", "True"),
        "ImagePullFailed",
        "localhost/nowhere/image:none",
        id="a step image that does not exist",
    ),
    pytest.param(
        a_run("no-class", a_step("train", "true"))
        | {
            "spec": {
                "workspace": {"size": "64Mi", "storageClassName": "nope"},
                "steps": [a_step("train", "true")],
            }
        },
        ("Ready", "False"),
        "StorageClassNotFound",
        "nope",
        id="a StorageClass that does not exist",
    ),
    pytest.param(
        a_run(
            "nan",
            with_metrics("echo '{\"mse\": NaN}' > $COMAL_METRICS_FILE"),
            gate=GATE,
            register=REGISTER,
        ),
        ("GatePassed", "False"),
        "MetricNotFinite",
        "mse",
        id="a metrics file with NaN",
    ),
    pytest.param(
        a_run(
            "text", with_metrics("echo hello > $COMAL_METRICS_FILE"), gate=GATE, register=REGISTER
        ),
        ("GatePassed", "False"),
        "MetricsInvalid",
        "metrics.json",
        id="a metrics file with text",
    ),
    pytest.param(
        a_run(
            "large",
            with_metrics("head -c 10000000 /dev/zero | tr '\\0' ' ' > $COMAL_METRICS_FILE"),
            gate=GATE,
            register=REGISTER,
        ),
        ("GatePassed", "False"),
        "MetricsTooLarge",
        "metrics.json",
        id="a metrics file of 10 MB",
    ),
    pytest.param(
        a_run(
            "no-card",
            with_metrics("echo '{\"mse\": 1}' > $COMAL_METRICS_FILE"),
            gate=GATE,
            register=REGISTER,
        ),
        ("Failed", "True"),
        "ModelInvalid",
        "model.yaml",
        id="a model folder without model.yaml",
    ),
    pytest.param(
        a_run("fails", a_step("train", "echo about to divide; echo division by zero >&2; exit 3")),
        ("Failed", "True"),
        "StepFailed",
        "division by zero",
        id="a step that fails tells its last lines",
    ),
]


@pytest.mark.parametrize(("run", "wanted", "reason", "says"), WRONG_RUNS)
def test_a_wrong_run_ends_in_one_clear_condition(
    kubectl: Kubectl, run: Manifest, wanted: tuple[str, str], reason: str, says: str
) -> None:
    kubectl.apply(run)
    name = run["metadata"]["name"]
    found = wait_condition(kubectl, "trun", str(name), wanted, reason=reason, seconds=90)

    assert says in condition(found, wanted[0])["message"]
    assert kubectl.items("mver") == []
