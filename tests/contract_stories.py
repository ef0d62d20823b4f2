"""Every contract through a router: the five pipelines' models, a script, and what is collected."""

from __future__ import annotations

import csv
import json
from typing import Any

from cluster_words import a_deployment, picture, score, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for

SMALL = {"resources": {"requests": {"cpu": "50m", "memory": "128Mi"}}}
OPEN = {"auth": "None"}
ROW = [0.03, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, 0.0, 0.01, -0.01]
FOOD = "photos"
# The local node's Services and Pods, kind's, and those of most clusters.
NETWORKS = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
SCRIPT = """
import json
import os
import numpy
import onnxruntime

def init():
    global session
    path = os.path.join(os.environ["AZUREML_MODEL_DIR"], "serving/model.onnx")
    session = onnxruntime.InferenceSession(path)

def run(raw):
    [given] = session.get_inputs()
    kind = {"tensor(double)": numpy.float64}.get(given.type, numpy.float32)
    rows = numpy.array(json.loads(raw)["data"], kind)
    [result] = session.run(None, {given.name: rows})
    return {"by": "script", "result": result.ravel().tolist()}
"""


def ask_every_contract(kubectl: Kubectl, images: dict[str, str]) -> None:
    """Serve the five models of this namespace in all the ways there are, and ask each."""
    kubectl.apply(_claim())
    kubectl.apply(_script())
    _serve_photos(kubectl, images["trainer"])
    endpoints = [
        _endpoint("matrix", "diabetes", dataCollection={"sink": _SINK}),
        _endpoint("rows", "taxi-model"),
        _endpoint("picture", "dogbreedmodel"),
        _endpoint("photo", "tacosandburritos", pictures=_photos(kubectl)),
        _endpoint("words", "compliance-classifier", mode="aml-v1"),
        _endpoint("script", "diabetes", mode="aml-v1", script={"configMap": "scoring-1"}),
        _endpoint("frame", "diabetes", contract="input-data"),
    ]
    for endpoint in endpoints:
        kubectl.apply(endpoint)
    urls = {
        name: wait_condition(kubectl, "mdep", name, ("Ready", "True"), seconds=420)["status"]["url"]
        for name in (one["metadata"]["name"] for one in endpoints)
    }

    def ask(name: str, body: Any, status: int = 200) -> Any:
        found, answer = score(kubectl, images["scorer"], urls[name], json.dumps(body))
        assert found == status, (name, answer)
        return json.loads(answer)

    [matrix] = ask("matrix", {"data": [ROW]})["result"]
    assert 25 < matrix < 350
    [frame] = ask("frame", {"input_data": [ROW]})
    assert abs(frame - matrix) < 1e-3
    script = ask("script", {"data": [ROW]})
    assert script["by"] == "script"
    assert abs(script["result"][0] - matrix) < 1e-3
    [fare] = ask("rows", {"input_data": [[1.0] * 20]})
    assert fare > 0
    # A JSON string, as the original answered; so is the next.
    [chance] = json.loads(ask("words", [[1] * 100]))
    assert 0 <= chance <= 1
    jpeg = picture(kubectl, images["trainer"], "grass")
    breed = json.loads(ask("picture", {"data": jpeg}))
    assert 0 < float(breed["probability"]) <= 1
    assert ask("photo", {"data": jpeg})["prediction"] in {"grass", "gravel"}
    followed = ask("photo", {"image": f"{_base(kubectl)}grass.jpg"})
    assert followed["prediction"] in {"grass", "gravel"}
    refused = ask("photo", {"image": "http://169.254.169.254/latest/"}, status=400)
    assert refused["error"]["code"] == "image-url-refused"
    # The words of the two dialects for the same mistake.
    assert ask("matrix", {"data": []}, status=400)["error"]["field"] == "data"
    assert "message" in ask("words", {"data": []}, status=500)
    _look_at_collected(kubectl, matrix)


_SINK = {"volume": {"claimName": "collected"}}


def _endpoint(name: str, model: str, **fields: Any) -> Manifest:
    collection = {key: fields.pop(key) for key in ("dataCollection",) if key in fields}
    choice = {"name": model, "version": "1"}
    return a_deployment(
        name, model=choice, access=OPEN, predictor={**SMALL, **fields}, **collection
    )


def _claim() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "collected"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "64Mi"}},
        },
    }


def _script() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "scoring-1"},
        "data": {"score.py": SCRIPT},
    }


def _base(kubectl: Kubectl) -> str:
    return f"http://{FOOD}.{kubectl.namespace}.svc.cluster.local:8000/food/"


def _photos(kubectl: Kubectl) -> Manifest:
    return {"urls": [_base(kubectl)], "networks": NETWORKS, "timeout": "10s"}


def _serve_photos(kubectl: Kubectl, image: str) -> None:
    """Run a server with one photograph, as a team's own would be."""
    picture(kubectl, image, "grass")
    program = (
        "import os,http.server\n"
        "from comal_trainer.pipelines.tacosandburritos.photographs import crops\n"
        "os.makedirs('/tmp/food',exist_ok=True)\n"
        "found=[p for p in crops(60,96)['test'] if p.label=='grass'][-1]\n"
        "open('/tmp/food/grass.jpg','wb').write(found.content)\n"
        "os.chdir('/tmp')\n"
        "http.server.test(http.server.SimpleHTTPRequestHandler,port=8000)\n"
    )
    painter = kubectl.find("deployment", "painter")
    assert painter is not None
    [container] = painter["spec"]["template"]["spec"]["containers"]
    server = {
        "name": FOOD,
        "image": image,
        "command": ["python3", "-c", program],
        "securityContext": container["securityContext"],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the Pod's own
    }
    pod = {
        "automountServiceAccountToken": False,
        "containers": [server],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    labels = {"app": FOOD}
    template = {"metadata": {"labels": labels}, "spec": pod}
    kubectl.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": FOOD},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }
    )
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": FOOD},
            "spec": {"selector": labels, "ports": [{"port": 8000}]},
        }
    )

    kubectl.run("rollout", "status", f"deployment/{FOOD}", "--timeout=120s", timeout=130)


def _look_at_collected(kubectl: Kubectl, prediction: float) -> None:
    """What was asked lies on the volume, tied to what was answered."""
    program = (
        "import pathlib,sys,time\n"
        "for _ in range(30):\n"
        " found=sorted(pathlib.Path('/var/comal/collected').rglob('*.csv'))\n"
        " if len(found)==2: break\n"
        " time.sleep(1)\n"
        "for path in found: print(path); print(path.read_text(),end='')\n"
    )
    name = "app.kubernetes.io/component=scorer,comal.dev/model-deployment=matrix"
    [pod] = [one["metadata"]["name"] for one in kubectl.items("pod", "--selector", name)]

    def look() -> str | None:
        text = kubectl.run("exec", pod, "-c", "scorer", "--", "python3", "-c", program, timeout=60)
        return text if text.count(".csv") == 2 else None

    text = wait_for("collected rows", look, seconds=60)
    inputs, predictions = (part for part in text.split("/var/comal/collected/") if part)
    folder = f"modeldata/{kubectl.namespace}/matrix/diabetes/1/"
    assert inputs.startswith(f"{folder}inputs/")
    assert predictions.startswith(f"{folder}predictions/")
    given, answered = (
        next(csv.DictReader(part.splitlines()[1:])) for part in (inputs, predictions)
    )
    assert given["correlation_id"] == answered["correlation_id"]
    assert str(prediction)[:6] in ",".join(answered.values())
