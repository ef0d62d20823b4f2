"""The five sample pipelines, all at once in one namespace, and what is asked of them afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster_words import condition, key_of, score, wait_condition
from contract_stories import ask_every_contract
from demo.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

SAMPLES = Path(__file__).resolve().parents[2] / "manifests" / "samples"
FIVE = {
    "diabetes": "diabetes/diabetes-alpha-04.yaml",
    "tacosandburritos": "tacosandburritos/ci/1-pretrained.yaml",
    "compliance-classifier": "compliance/ci/1-rate-01.yaml",
    "dogbreedmodel": "dogbreeds/ci/dogbreeds.yaml",
    "taxi-model": "taxi/ci/taxi.yaml",
}
TEXTS = (
    "Good condition carbon fiber component manufactured in 2010",
    "Manufactured in 1985 made of steel in fair condition",
)


def sample(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SAMPLES / path).read_text())
    return found


def test_five_models_are_trained_at_once_and_the_worse_one_is_refused(
    kubectl: Kubectl, images: dict[str, str]
) -> None:
    """Seed rows M24, C20 and C16: five runs without a clash, then the second seed's exercise."""
    runs = {model: sample(path) for model, path in FIVE.items()}
    for run in runs.values():
        kubectl.apply(run)
    for run in runs.values():
        name = run["metadata"]["name"]
        wait_condition(kubectl, "trun", name, ("Registered", "True"), seconds=1200)
    versions = {item["spec"]["model"]: item["spec"] for item in kubectl.items("mver")}
    assert sorted(versions) == sorted(runs)
    assert {spec["version"] for spec in versions.values()} == {"1"}
    assert versions["compliance-classifier"]["metrics"]["generated_data"] == "1"

    exercise = sample("compliance/ci/2-rate-03.yaml")
    kubectl.apply(exercise)
    kubectl.apply(sample("compliance/endpoint.yaml"))
    ended = wait_condition(
        kubectl, "trun", exercise["metadata"]["name"], ("Complete", "True"), seconds=600
    )
    assert condition(ended, "GatePassed")["status"] == "False"
    gate = ended["status"]["gate"]
    assert float(gate["candidate"]) < float(gate["baseline"]["value"])
    assert gate["baseline"]["measure"] == "SameData"
    assert len(kubectl.items("mver")) == len(FIVE)

    served = wait_condition(kubectl, "mdep", "compliance", ("Ready", "True"), seconds=240)
    url = served["status"]["url"]
    status, answer = score(
        kubectl, images["scorer"], url, json.dumps(TEXTS), key=key_of(kubectl, served)
    )
    assert status == 200, answer
    compliant, not_compliant = json.loads(json.loads(answer))
    assert compliant < 0.5 < not_compliant
    ask_every_contract(kubectl, images)


_WRITTEN = {
    "rows.csv": "csv.writer(open('rows.csv','w')).writerows([names,*rows])",
    "rows.parquet": "import pyarrow, pyarrow.parquet\n"
    "table=pyarrow.table([*zip(*rows)],names)\n"
    "pyarrow.parquet.write_table(table,'rows.parquet')",
}


def a_checked_run(name: str, change: str, file: str = "rows.csv") -> dict[str, Any]:
    """Return a run that checks the diabetes rows after a change in Python, then learns them."""
    program = (
        "import csv,sys\n"
        "from sklearn.datasets import load_diabetes\n"
        "data=load_diabetes()\n"
        "names=[*data.feature_names,'Y']\n"
        "rows=[[*row,y] for row,y in zip(data.data.tolist(),data.target.tolist())]\n"
        f"{change}\n"
        f"{_WRITTEN[file]}\n"
    )
    run = sample("diabetes/diabetes-alpha-04.yaml")
    run["metadata"]["name"] = name
    spec = run["spec"]
    spec["parameters"] |= {"data": file, "columns": "age,bmi,Y"}
    make = {"name": "make", "command": ["python3", "-c", program]}
    spec["steps"] = [make, {"name": "check", "args": ["check-data"]}, *spec["steps"]]
    return run


def test_wrong_data_ends_a_run_with_its_own_reason(kubectl: Kubectl) -> None:
    """Seed row D39: good rows are learned and remembered; each kind of wrong one is refused."""
    kubectl.apply(a_checked_run("good", ""))
    wait_condition(kubectl, "trun", "good", ("Registered", "True"), seconds=600)
    wrong = {
        "DataColumnsMissing": "names[2]='weight'",
        "DataNulls": "rows[5][2]=''",
        "DataDrift": "rows=[[*row[:2],row[2]+0.1,*row[3:]] for row in rows]",
    }
    for reason, change in wrong.items():
        # The good rows were a CSV: what they were like is compared whatever the format.
        file = "rows.parquet" if reason == "DataDrift" else "rows.csv"
        kubectl.apply(a_checked_run(reason.lower(), change, file))
    for reason in wrong:
        run = wait_condition(
            kubectl, "trun", reason.lower(), ("Failed", "True"), reason=reason, seconds=600
        )
        told = condition(run, "Failed")["message"]
        assert "bmi" in told
        assert "{" not in told
    assert len(kubectl.items("mver")) == 1
