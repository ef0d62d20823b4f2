"""What is wrong with a candidate never reaches a caller: the stable revision keeps serving."""

from __future__ import annotations

import json

import pytest

from cluster_words import a_deployment, a_run, a_step, condition, score, wait_condition
from demo.kubectl import Kubectl
from demo.traffic import start_traffic

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ROW = json.dumps({"data": [[0.03, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, -0.002, 0.02, -0.02]]})
# Turns one bit of the newest blob around, as a failing disk would.
CORRUPT = (
    "import glob,os\n"
    "paths=glob.glob('/models/docker/registry/v2/blobs/sha256/*/*/data')\n"
    "path=max((p for p in paths if b'pytorch' not in p.encode() and os.path.getsize(p)>500"
    " and not open(p,'rb').read(1)==b'{'),key=os.path.getmtime)\n"
    "os.chmod(path,0o644);f=open(path,'r+b');b=f.read(1);f.seek(0);f.write(bytes([b[0]^1]));f.close()\n"
    "print(path)\n"
)


def train(kubectl: Kubectl, name: str, alpha: str) -> None:
    kubectl.apply(
        a_run(
            name,
            a_step("train", args=["diabetes", "train"]),
            a_step("evaluate", args=["diabetes", "evaluate"]),
            parameters={"alpha": alpha},
            register={"model": "diabetes"},
        )
    )
    wait_condition(kubectl, "trun", name, ("Complete", "True"), seconds=240)


def corrupt_newest_blob(kubectl: Kubectl, image: str) -> None:
    """Damage the file of the newest model on the registry's claim."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "disk",
        "image": image,
        "command": ["python3", "-c", CORRUPT],
        "securityContext": security,
        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
    }
    claim = {"claimName": "comal-registry-default"}
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "failing-disk"},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "containers": [container],
                "volumes": [{"name": "models", "persistentVolumeClaim": claim}],
            },
        }
    )
    kubectl.run(
        *("wait", "pod/failing-disk", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    )


def test_a_corrupted_blob_is_rejected_while_stable_serves(
    kubectl: Kubectl, images: dict[str, str]
) -> None:
    train(kubectl, "first", "0.5")
    rollout = {"steps": [{"percent": "50", "for": "5s"}], "bake": "1s", "drain": "2s"}
    endpoint = a_deployment("diabetes", model={"name": "diabetes", "version": "1"}, rollout=rollout)
    kubectl.apply(endpoint)
    found = wait_condition(kubectl, "mdep", "diabetes", ("Ready", "True"), seconds=180)
    url = found["status"]["url"]
    traffic = start_traffic(kubectl, "callers", image=images["scorer"], url=url, body=ROW, rate=20)

    train(kubectl, "second", "0.4")
    corrupt_newest_blob(kubectl, images["scorer"])
    second = a_deployment("diabetes", model={"name": "diabetes", "version": "2"}, rollout=rollout)
    kubectl.apply(second)

    found = wait_condition(kubectl, "mdep", "diabetes", ("Stalled", "True"), seconds=120)
    assert "diabetes-v2" in condition(found, "Ready")["message"]
    assert "igest" in condition(found, "Ready")["message"]
    assert condition(found, "Available")["status"] == "True"
    assert found["status"]["stable"]["modelVersion"] == "diabetes-v1"
    assert found["status"]["rejected"][0]["modelVersion"] == "diabetes-v2"

    # The way back is the way of Git: the old manifest again.
    kubectl.apply(endpoint)
    wait_condition(kubectl, "mdep", "diabetes", ("Ready", "True"), seconds=60)
    totals = traffic.stop()
    assert totals.lost == 0, totals.failures
    assert set(totals.versions) == {"1"}


def test_bad_requests_get_a_clear_answer(kubectl: Kubectl, images: dict[str, str]) -> None:
    train(kubectl, "first", "0.5")
    kubectl.apply(a_deployment("asked", model={"name": "diabetes", "trainingRun": "first"}))
    found = wait_condition(kubectl, "mdep", "asked", ("Ready", "True"), seconds=180)
    url = found["status"]["url"]
    for body, says in (
        ("{}", "data"),
        ('{"data": [[1, 2, 3]]}', "10"),
        ('{"data": [[NaN, 0, 0, 0, 0, 0, 0, 0, 0, 0]]}', ""),
        ("not json", ""),
    ):
        status, answer = score(kubectl, images["scorer"], url, body)
        assert status == 400, answer
        assert says in answer
        assert "Traceback" not in answer


def test_routers_and_pods_may_die_and_callers_do_not_notice(
    kubectl: Kubectl, images: dict[str, str]
) -> None:
    train(kubectl, "first", "0.5")
    kubectl.apply(a_deployment("steady", model={"name": "diabetes", "latest": True}, replicas=2))
    found = wait_condition(kubectl, "mdep", "steady", ("Ready", "True"), seconds=180)
    url = found["status"]["url"]
    traffic = start_traffic(kubectl, "callers", image=images["scorer"], url=url, body=ROW, rate=20)
    for component in ("router", "scorer"):
        pods = kubectl.items("pods", "-l", f"app.kubernetes.io/component={component}")
        assert pods, f"no Pod of component {component}"
        kubectl.run("delete", "pod", pods[0]["metadata"]["name"], "--wait=true", timeout=120)
        wait_condition(kubectl, "mdep", "steady", ("Ready", "True"), seconds=120)
    totals = traffic.stop()
    assert totals.lost == 0, totals.failures


def test_a_scorer_that_crashes_leaves_its_last_words(kubectl: Kubectl) -> None:
    train(kubectl, "first", "0.5")
    model = {"name": "diabetes", "trainingRun": "first"}
    # Nothing of ours runs before this crash, so what it logged is all that there is.
    broken = {"env": [{"name": "PYTHONHOME", "value": "/nowhere"}], "startupTimeout": "60s"}
    kubectl.apply(a_deployment("crashing", model=model, predictor=broken))
    found = wait_condition(kubectl, "mdep", "crashing", ("Stalled", "True"), seconds=240)
    first, *log = condition(found, "Ready")["message"].splitlines()
    assert "exit code 1" in first, first
    assert first.endswith("; the log ended:")
    assert 2 <= len(log) <= 20
    assert "No module named 'encodings'" in "\n".join(log)

    kubectl.apply(a_deployment("crashing", model=model))
    wait_condition(kubectl, "mdep", "crashing", ("Ready", "True"), seconds=240)
