"""Data on a real cluster: from a web server in it, checked, recorded with the model."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from cluster_words import RESTRICTED, a_run, a_step, condition, wait_condition
from demo.kubectl import Kubectl, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

CSV = "id,cost\n1,2.5\n2,3.5\n3,4\n"
DIGEST = hashlib.sha256(CSV.encode()).hexdigest()


@pytest.fixture
def web(kubectl: Kubectl, images: dict[str, str]) -> str:
    """The address of a web server in the test's own namespace."""
    files = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}
    kubectl.apply({**files, "data": {"train.csv": CSV}})
    container = {
        "name": "web",
        "image": images["trainer"],
        "command": ["python3", "-u", "-m", "http.server", "8000", "--directory", "/www"],
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "www", "mountPath": "/www"}],
    }
    spec = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [{"name": "www", "configMap": {"name": "web"}}],
        "terminationGracePeriodSeconds": 0,
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"app": "web"}}}
    kubectl.apply({**pod, "spec": spec})
    service: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    kubectl.apply({**service, "spec": {"selector": {"app": "web"}, "ports": [{"port": 8000}]}})
    kubectl.run("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    return "http://web:8000"


def test_data_is_fetched_once_and_recorded(kubectl: Kubectl, web: str) -> None:
    source = {"name": "train", "uri": f"{web}/train.csv", "sha256": DIGEST}
    script = 'cat "$COMAL_DATA_DIR/train/train.csv" && test -f $COMAL_DATA_DIR/train/train.csv'
    kubectl.apply(a_run("fetching", a_step("read", script), data=[source]))
    run = wait_condition(kubectl, "trun", "fetching", ("Complete", "True"))
    digest = f"sha256:{DIGEST}"
    assert run["status"]["data"] == [{"name": "train", "digest": digest, "size": 24, "rows": 3}]
    asked = kubectl.run("logs", "web")
    assert asked.count("GET /train.csv") == 1


def test_another_digest_ends_the_run(kubectl: Kubectl, web: str) -> None:
    source = {"name": "train", "uri": f"{web}/train.csv", "sha256": "0" * 64}
    kubectl.apply(a_run("refusing", a_step("read", "true"), data=[source]))
    run = wait_condition(kubectl, "trun", "refusing", ("Failed", "True"))
    assert condition(run, "Failed")["reason"] == "DataDigestMismatch"
    assert DIGEST in condition(run, "Failed")["message"]


def test_data_on_a_claim_is_copied_and_a_missing_server_heals(kubectl: Kubectl, web: str) -> None:
    del web
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}
    disk = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "disk"}}
    kubectl.apply({**disk, "spec": claim})
    script = f"mkdir -p 2026 && printf '{CSV}' > 2026/train.csv"
    kubectl.apply(a_run("filling", a_step("fill", script), workspace={"existingClaim": "disk"}))
    wait_condition(kubectl, "trun", "filling", ("Complete", "True"))

    sources = [
        {"name": "disk", "uri": "pvc://disk/2026"},
        {"name": "late", "uri": "http://late:8000/train.csv"},
    ]
    kubectl.apply(a_run("copying", a_step("read", "true"), data=sources))
    wait_condition(kubectl, "trun", "copying", ("Stalled", "True"), reason="DataUnavailable")
    service = {"selector": {"app": "web"}, "ports": [{"port": 8000}]}
    late = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "late"}, "spec": service}
    kubectl.apply(late)
    run = wait_condition(kubectl, "trun", "copying", ("Complete", "True"), seconds=240)
    assert [one["digest"] for one in run["status"]["data"]] == [f"sha256:{DIGEST}"] * 2


SIGNED = {"data": "model/data.txt", "model": "model/model.joblib"}
# What a person would look at in the workspace: the signatures by hand, and whether a plot opens.
LOOK = """
import hashlib, hmac, json
from PIL import Image
def signed(path):
    content = open(path, "rb").read()
    return {
        "path": path,
        "hmacSha256": hmac.new(b"kf_pipeline", content, hashlib.sha256).hexdigest().upper(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
plot = Image.open("artefacts/predictions.png")
plot.load()
found = {of: signed(path) for of, path in %r.items()}
print(json.dumps({"signatures": found, "plot": plot.size}))
"""


def looked_at(kubectl: Kubectl, image: str, run: str) -> Any:
    """Return what a Pod of a person's own finds in the workspace of a run that has ended."""
    mine = ("-l", f"comal.dev/training-run={run}")
    [claim] = [one["metadata"]["name"] for one in kubectl.items("persistentvolumeclaims", *mine)]
    container = {
        "name": "looker",
        "image": image,
        "command": ["python", "-c", LOOK % SIGNED],
        "workingDir": "/workspace",
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "workspace", "mountPath": "/workspace", "readOnly": True}],
    }
    volume = {"name": "workspace", "persistentVolumeClaim": {"claimName": claim}}
    spec = {
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": {"fsGroup": 65532},
        "containers": [container],
        "volumes": [volume],
    }
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "looker"}, "spec": spec})
    over = "--for=jsonpath={.status.phase}=Succeeded"
    kubectl.run("wait", over, "pod/looker", "--timeout=120s", timeout=150)
    return json.loads(kubectl.run("logs", "looker"))


def test_a_version_is_found_by_its_build(
    kubectl: Kubectl, web: str, images: dict[str, str]
) -> None:
    for name, build in (("one", "20261121.2"), ("two", "20261121.3")):
        kubectl.apply(
            a_run(
                name,
                a_step("train", role="Train", args=["diabetes", "train"]),
                a_step("evaluate", role="Evaluate", args=["diabetes", "evaluate"]),
                data=[{"name": "train", "uri": f"{web}/train.csv"}],
                source={"revision": "4be1c0d", "buildId": build},
                register={"model": "diabetes", "sign": SIGNED},
            )
        )
    for name in ("one", "two"):
        wait_condition(kubectl, "trun", name, ("Complete", "True"), seconds=300)
    query = ("get", "mver", "-l", "comal.dev/build-id=20261121.3", "-o", "name")
    wait_for("exactly one", lambda: len(kubectl.run(*query).split()) == 1 or None, seconds=30)
    [found] = [v for v in kubectl.items("mver") if v["spec"]["lineage"]["run"]["name"] == "two"]
    lineage = found["spec"]["lineage"]
    assert lineage["data"][0]["digest"] == f"sha256:{DIGEST}"
    assert lineage["source"]["buildId"] == "20261121.3"
    assert {image["step"] for image in lineage["images"]} == {"train", "evaluate"}
    # Seed row T18, and a plot that opens.
    seen = looked_at(kubectl, images["trainer"], "two")
    assert found["spec"]["signatures"] == seen["signatures"]
    assert min(seen["plot"]) > 100
