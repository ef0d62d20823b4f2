"""What is wrong with a candidate never reaches a caller: the stable revision keeps serving."""

from __future__ import annotations

import pytest

from cluster_words import a_deployment, condition, score, wait_condition
from demo.kubectl import Kubectl
from demo.traffic import start_traffic
from table_model import GOOD, make

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

STEADY = "comal.dev/model-deployment=steady"
# Turns one bit of the newest blob around, as a failing disk would.
CORRUPT = (
    "import glob,os\n"
    "paths=glob.glob('/models/docker/registry/v2/blobs/sha256/*/*/data')\n"
    "path=max((p for p in paths if b'pytorch' not in p.encode() and os.path.getsize(p)>200"
    " and not open(p,'rb').read(1)==b'{'),key=os.path.getmtime)\n"
    "os.chmod(path,0o644);f=open(path,'r+b');b=f.read(1);f.seek(0);f.write(bytes([b[0]^1]));f.close()\n"
    "print(path)\n"
)


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
    make(kubectl, "first", 2)
    rollout = {"steps": [{"percent": "50", "for": "5s"}], "bake": "1s", "drain": "2s"}
    endpoint = a_deployment("table", model={"name": "table", "version": "1"}, rollout=rollout)
    kubectl.apply(endpoint)
    found = wait_condition(kubectl, "mdep", "table", ("Ready", "True"), seconds=180)
    url = found["status"]["url"]
    traffic = start_traffic(kubectl, "callers", image=images["scorer"], url=url, body=GOOD, rate=20)

    make(kubectl, "second", 3)
    corrupt_newest_blob(kubectl, images["scorer"])
    second = a_deployment("table", model={"name": "table", "version": "2"}, rollout=rollout)
    kubectl.apply(second)

    found = wait_condition(kubectl, "mdep", "table", ("Stalled", "True"), seconds=120)
    assert "table-v2" in condition(found, "Ready")["message"]
    assert "igest" in condition(found, "Ready")["message"]
    assert condition(found, "Available")["status"] == "True"
    assert found["status"]["stable"]["modelVersion"] == "table-v1"
    assert found["status"]["rejected"][0]["modelVersion"] == "table-v2"

    # The way back is the way of Git: the old manifest again.
    kubectl.apply(endpoint)
    wait_condition(kubectl, "mdep", "table", ("Ready", "True"), seconds=60)
    totals = traffic.stop()
    assert totals.lost == 0, totals.failures
    assert set(totals.versions) == {"1"}


def test_bad_requests_get_a_clear_answer(served: Kubectl, images: dict[str, str]) -> None:
    served.apply(a_deployment("asked", model={"name": "table", "trainingRun": "first"}))
    found = wait_condition(served, "mdep", "asked", ("Ready", "True"), seconds=180)
    url = found["status"]["url"]
    for body, says in (
        ("{}", "data"),
        ('{"data": [[1, 2, 3]]}', "2"),
        ('{"data": [[NaN, 0]]}', ""),
        ("not json", ""),
    ):
        status, answer = score(served, images["scorer"], url, body)
        assert status == 400, answer
        assert says in answer
        assert "Traceback" not in answer


def test_routers_and_pods_may_die_and_callers_do_not_notice(
    served: Kubectl, images: dict[str, str]
) -> None:
    served.apply(a_deployment("steady", model={"name": "table", "version": "1"}, replicas=2))
    found = wait_condition(served, "mdep", "steady", ("Ready", "True"), seconds=180)
    url = found["status"]["url"]
    traffic = start_traffic(
        served, "steady-callers", image=images["scorer"], url=url, body=GOOD, rate=20
    )
    for component in ("router", "scorer"):
        pods = served.items("pods", "-l", f"app.kubernetes.io/component={component},{STEADY}")
        assert pods, f"no Pod of component {component}"
        served.run("delete", "pod", pods[0]["metadata"]["name"], "--wait=true", timeout=120)
        wait_condition(served, "mdep", "steady", ("Ready", "True"), seconds=120)
    totals = traffic.stop()
    assert totals.lost == 0, totals.failures


def test_a_scorer_that_crashes_leaves_its_last_words(served: Kubectl) -> None:
    model = {"name": "table", "version": "1"}
    # Nothing of ours runs before this crash, so what it logged is all that there is.
    broken = {"env": [{"name": "PYTHONHOME", "value": "/nowhere"}], "startupTimeout": "60s"}
    served.apply(a_deployment("crashing", model=model, predictor=broken))
    found = wait_condition(served, "mdep", "crashing", ("Stalled", "True"), seconds=240)
    first, *log = condition(found, "Ready")["message"].splitlines()
    assert "exit code 1" in first, first
    assert first.endswith("; the log ended:")
    assert 2 <= len(log) <= 20
    assert "No module named 'encodings'" in "\n".join(log)

    served.apply(a_deployment("crashing", model=model))
    wait_condition(served, "mdep", "crashing", ("Ready", "True"), seconds=240)
