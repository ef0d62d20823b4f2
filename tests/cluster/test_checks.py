"""A program of the user's own judges each candidate before its first live request."""

from __future__ import annotations

import json

import pytest

from callers import Callers
from cluster_words import a_deployment, condition, wait_condition
from demo.kubectl import Kubectl, Manifest
from table_model import GOOD, POISON

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

# Sends the candidate what it must have an answer to; the last line is what people are told.
HOLDOUT = """
import os, sys, urllib.error, urllib.request

url = os.environ["COMAL_CANDIDATE_URL"] + "/score"
typed = {"content-type": "application/json"}
request = urllib.request.Request(url, sys.argv[1].encode(), typed)
try:
    code = urllib.request.urlopen(request, timeout=60).status
except urllib.error.HTTPError as error:
    code = error.code
print(f"holdout: {code} from", os.environ["COMAL_CANDIDATE_MODEL_VERSION"])
sys.exit(code != 200)
"""


def endpoint(version: str, image: str) -> Manifest:
    program = {"image": image, "command": ["python3", "-c", HOLDOUT], "args": [POISON]}
    checks = [{"name": "holdout", "job": {**program, "timeout": "5m"}}]
    return a_deployment(
        "checked",
        model={"name": "table", "version": version},
        rollout={
            "steps": [{"percent": "50"}],
            "analysis": {"checks": checks},
            "bake": "1s",
            "drain": "2s",
        },
    )


def test_a_candidate_that_a_program_refuses_never_serves(
    served: Kubectl, images: dict[str, str]
) -> None:
    image = images["scorer"]
    served.apply(endpoint("1", image))
    found = wait_condition(served, "mdep", "checked", ("Ready", "True"), seconds=240)
    callers = Callers(served, image, found["status"]["url"], GOOD)

    served.apply(endpoint("2", image))
    found = wait_condition(served, "mdep", "checked", ("Ready", "True"), seconds=240)
    assert found["status"]["stable"]["modelVersion"] == "table-v2"

    served.apply(endpoint("3", image))
    found = wait_condition(served, "mdep", "checked", ("Stalled", "True"), seconds=240)
    [rejected] = found["status"]["rejected"]
    assert rejected["reason"] == "CheckFailed"
    assert "holdout: 500 from table-v3" in rejected["message"], json.dumps(rejected)
    assert condition(found, "AnalysisHealthy")["reason"] == "CheckFailed"
    assert condition(found, "Available")["status"] == "True"
    assert {one.version for one in callers.call(*[{}] * 20)} == {"2"}
