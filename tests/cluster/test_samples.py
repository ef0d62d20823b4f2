"""Every sample is applied; the two with a story of their own are told to their end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cluster_words import condition, picture, score, wait_condition
from demo.kubectl import Kubectl, KubectlError

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SAMPLES = Path(__file__).resolve().parents[2] / "manifests" / "samples"
FILES = sorted(
    path
    for path in SAMPLES.rglob("*.yaml")
    if path.name not in ("kustomization.yaml", "name-references.yaml")
)


def test_every_sample_is_accepted(kubectl: Kubectl) -> None:
    assert len(FILES) >= 5
    refused = {}
    for path in FILES:
        try:
            kubectl.run("apply", "--dry-run=server", "-f", str(path))
        except KubectlError as error:
            refused[str(path.relative_to(SAMPLES))] = str(error)
    assert not refused


def test_a_new_commit_is_a_new_run_and_the_old_one_stays(kubectl: Kubectl) -> None:
    """Seed rows C4 and C9: the same commit twice changes nothing, the next one trains anew."""
    folder = SAMPLES / "gitops"
    first = kubectl.run("kustomize", str(folder))
    kubectl.run("apply", "--server-side", "-f", "-", stdin=first)
    [before] = kubectl.items("trun")
    kubectl.run("apply", "--server-side", "-f", "-", stdin=first)
    [again] = kubectl.items("trun")

    suffix = "-" + before["metadata"]["name"].rpartition("-")[2]
    second = first.replace(suffix, "-5f2a9e7")
    kubectl.run("apply", "--server-side", "-f", "-", stdin=second)
    both = kubectl.items("trun")

    assert again["metadata"]["generation"] == before["metadata"]["generation"] == 1
    assert len(both) == 2
    for run in both:
        name = run["metadata"]["name"]
        wait_condition(kubectl, "trun", name, ("Complete", "True"), seconds=300)
    # The same code and data twice: the second is not better, so it is refused.
    assert len(kubectl.items("mver")) == 1


def test_tacos_or_burritos_with_tensorflow(kubectl: Kubectl, images: dict[str, str]) -> None:
    """Transfer learning for real: pretrained features pass the gate, random ones do not."""
    runs = [
        yaml.safe_load(p.read_text())
        for p in sorted((SAMPLES / "tacosandburritos/ci").glob("*.yaml"))
    ]
    pretrained, random = runs
    kubectl.apply(pretrained)
    name = pretrained["metadata"]["name"]
    run = wait_condition(kubectl, "trun", name, ("Complete", "True"), seconds=600)
    assert condition(run, "GatePassed")["status"] == "True"
    [version] = kubectl.items("mver")
    assert version["spec"]["format"] == "onnx"

    kubectl.apply(random)
    endpoint = {
        "apiVersion": "comal.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "tacos"},
        "spec": {
            "model": {"name": version["spec"]["model"], "latest": True},
            "replicas": 1,
            "access": {"auth": "None"},
        },
    }
    kubectl.apply(endpoint)
    found = wait_condition(kubectl, "mdep", "tacos", ("Ready", "True"), seconds=240)
    grass = picture(kubectl, images["trainer"], "grass")
    status, answer = score(
        kubectl, images["scorer"], found["status"]["url"], json.dumps({"data": grass})
    )
    assert status == 200, answer
    assert json.loads(answer)["prediction"] == "grass"

    status, answer = score(
        kubectl, images["scorer"], found["status"]["url"], json.dumps({"data": "bm90IGEganBlZw=="})
    )
    assert status == 400
    assert "data" in answer

    name = random["metadata"]["name"]
    run = wait_condition(kubectl, "trun", name, ("Complete", "True"), seconds=600)
    assert condition(run, "GatePassed")["status"] == "False"
    assert len(kubectl.items("mver")) == 1
