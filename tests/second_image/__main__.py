"""`make rel-tensorflow`: train, register and score through the router what ONNX cannot express.

A SavedModel, a skops file and a script with pandas in the image `scorer-tensorflow`; the default
image, given the first of them, must say what it lacks.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from cluster.commands import say
from cluster.paths import REPOSITORY, places
from cluster_words import a_deployment, condition, score, wait_condition
from demo.kubectl import Kubectl, wait_for
from second_image.models import BODY, MODELS, Model
from traffic.story import make_namespace

_NAMESPACE = "comal-second-image"
# TensorFlow takes its time to start, three times a model: to train, to convert and to serve.
_PATIENCE = 600.0


def main() -> int:
    """Return 0 when every model answered, and as it should."""
    kubeconfig = Path(os.environ.get("KUBECONFIG") or places().kubeconfig)
    cluster = Kubectl(places().tools / "kubectl", kubeconfig)
    images: dict[str, str] = json.loads((REPOSITORY / ".build/images.json").read_text())
    kubectl = make_namespace(cluster, _NAMESPACE)
    kubectl.apply(*(model.run() for model in MODELS))
    wrong = [model.name for model in MODELS if not _served(kubectl, model, images)]
    _refused(kubectl, images["scorer"])
    cluster.run("delete", "namespace", _NAMESPACE, "--wait=false")
    say(f"{len(MODELS) - len(wrong)} of {len(MODELS)} answered as they should")
    return 1 if wrong else 0


def _served(kubectl: Kubectl, model: Model, images: dict[str, str]) -> bool:
    wait_condition(kubectl, "trun", model.name, ("Complete", "True"), seconds=_PATIENCE)
    [version] = [one for one in kubectl.items("mver") if one["spec"]["model"] == model.name]
    started = time.monotonic()
    choice = {"name": model.name, "version": "1"}
    kubectl.apply(a_deployment(model.name, model=choice, predictor=model.predictor))
    found = wait_condition(kubectl, "mdep", model.name, ("Ready", "True"), seconds=_PATIENCE)
    seconds = time.monotonic() - started
    status, text = score(kubectl, images["scorer"], found["status"]["url"], BODY)
    scorers = f"app.kubernetes.io/component=scorer,comal.dev/model-deployment={model.name}"
    ran = {
        container["image"]
        for pod in kubectl.items("pod", "--selector", scorers)
        for container in pod["spec"]["containers"]
    }
    say(f"{model.name}: {version['spec']['format']}, ready after {seconds:.0f} s: {status} {text}")
    return (
        status == 200
        and version["spec"]["format"] == model.format
        and ran == {images["scorer-tensorflow"]}
        and model.is_right(json.loads(text))
    )


def _refused(kubectl: Kubectl, image: str) -> None:
    """The default image says in the endpoint's condition what it lacks; raises KubectlError."""
    model = MODELS[0].name
    choice = {"name": model, "version": "1"}
    kubectl.apply(a_deployment("default", model=choice, image=image))

    def look() -> str | None:
        told = condition(kubectl.find("mdep", "default"), "Ready").get("message", "")
        return told if "served by TensorFlow, which this image has not" in told else None

    say(f"the default image: {wait_for('what the default image lacks', look, seconds=_PATIENCE)}")


if __name__ == "__main__":
    sys.exit(main())
