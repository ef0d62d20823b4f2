"""hack/install: local images and another namespace reach everything that names them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.commands import ClusterError
from cluster.paths import REPOSITORY
from install.cli import main
from install.overlay import OPTIONAL, VARIABLES, overlay, read_images, write
from install.rollout import rollout_progress, waiting_reasons
from unit.manifests.built import Manifest, build, of_kind, one

IMAGES = {name: f"localhost/comal/{name}:0f0f" for name in ("operator", *VARIABLES, *OPTIONAL)}


def _built(folder: Path, namespace: str) -> list[Manifest]:
    made = overlay(IMAGES, namespace)
    # kustomize takes bases by relative path only.
    made["resources"] = [os.path.relpath(REPOSITORY / "manifests/overlays/local", folder)]
    write(folder, made)
    return build(folder)


@pytest.mark.parametrize("namespace", ["comal-system", "ml"])
def test_local_images_are_used(tmp_path: Path, namespace: str) -> None:
    manifests = _built(tmp_path, namespace)

    container = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == IMAGES["operator"]
    given = one(manifests, "ConfigMap", "comal-images")["data"]
    named = {**VARIABLES, **OPTIONAL}
    tags = dict.fromkeys(("COMAL_UNRESOLVED_IMAGES", "COMAL_KUBELET_CLIENT_ID"), "")
    assert given == {variable: IMAGES[target] for target, variable in named.items()} | tags


def test_another_namespace_takes_its_policies_with_it(tmp_path: Path) -> None:
    manifests = _built(tmp_path, "ml")

    assert one(manifests, "Namespace")["metadata"]["name"] == "ml"
    policies = of_kind(manifests, "ValidatingAdmissionPolicy")
    assert len(policies) == 7
    for policy in policies:
        assert "system:serviceaccount:ml:comal-operator" in str(policy)
    assert "comal-system" not in json.dumps(manifests)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no images are built"),
        ("{", "is not JSON"),
        ("[]", "names no image with a tag for operator"),
        (json.dumps(IMAGES | {"router": "localhost/comal/router"}), "for router"),
        (json.dumps(IMAGES | {"scorer": 3}), "for scorer"),
    ],
)
def test_wrong_images_are_one_clear_error(tmp_path: Path, text: str | None, says: str) -> None:
    file = tmp_path / "images.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(ClusterError, match=says):
        read_images(file)


def test_no_cluster_is_one_clear_error(tmp_path: Path) -> None:
    """As a person starts it: a module of ours must not hide one of the standard library's."""
    command = [sys.executable, str(REPOSITORY / "hack" / "install"), "up"]
    environment = os.environ | {"KUBECONFIG": str(tmp_path / "none")}

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("install: there is no cluster")
    assert "run `make up` first" in done.stderr


def test_a_wrong_namespace_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["up", "--namespace", "Not_One"])
    assert "'Not_One' is no namespace" in capsys.readouterr().err


def test_progress_is_told_until_all_replicas_are_new_and_ready() -> None:
    deployment = {
        "metadata": {"generation": 2},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 2, "updatedReplicas": 1, "replicas": 2},
    }
    assert rollout_progress(deployment) == "1 of 2 replicas are new, 0 available"
    done = {"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}
    assert rollout_progress(deployment | {"status": done}) is None
    assert rollout_progress(deployment | {"status": done | {"observedGeneration": 1}})
    assert rollout_progress({}) == "the Deployment is not there yet"


def test_a_pod_that_waits_says_why_once() -> None:
    state = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    pod = {"status": {"containerStatuses": [{"state": state}]}}
    assert waiting_reasons({"items": [pod, pod, {"status": {}}]}) == ["ErrImagePull not found"]
