"""Exit code 0 is not success until what the step declared is there."""

from __future__ import annotations

import pytest

from cluster_words import a_run, a_step, condition, wait_condition
from demo.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

FORGETS = a_step("train", "echo saved elsewhere; touch other", outputs=["model/"])
SECOND = a_step(
    "train",
    'test "$COMAL_ATTEMPT" -ge 2 && mkdir -p model && echo weights > model/w; exit 0',
    outputs=["model/", "model/w"],
    retry={"failures": 1},
)


def test_success_is_what_a_step_leaves_behind(kubectl: Kubectl) -> None:
    kubectl.apply(a_run("forgets", FORGETS), a_run("second", SECOND, a_step("read", "cat model/w")))

    run = wait_condition(kubectl, "trun", "forgets", ("Failed", "True"), reason="OutputMissing")
    message = condition(run, "Failed")["message"]
    assert "exited with code 0, but output model/ is not in the workspace" in message
    assert "saved elsewhere" in message

    run = wait_condition(kubectl, "trun", "second", ("Complete", "True"))
    train, read = run["status"]["steps"]
    assert (train["state"], train["failures"], train["attempts"]) == ("Succeeded", 1, 2)
    assert train["outputsDigest"].startswith("sha256:")
    assert read["state"] == "Succeeded"
