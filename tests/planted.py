"""Everything that a story leaves where people read, searched for secrets that nobody may find."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping

from demo.kubectl import Kubectl, KubectlError

# Where people write and read; Secrets hold what is planted, by their nature.
_KINDS = (
    *("trun", "mver", "mreg", "mdep", "jobs", "pods", "configmaps", "deployments", "services"),
    *("serviceaccounts", "networkpolicies", "persistentvolumeclaims", "events"),
)
# Where each of our programs shows its numbers.
_METRICS = {
    "operator": "8080/proxy/metrics",
    "router": "9902/proxy/stats/prometheus",
    "scorer": "8080/proxy/metrics",
}


def found_in(kubectl: Kubectl, cluster: Kubectl, planted: Mapping[str, str]) -> list[str]:
    """Return which of `planted` stands where, as it is or in base64."""
    forms = {
        name: (text, base64.b64encode(text.encode()).decode())
        for name, text in planted.items()
        # A short one would be found by chance.
        if len(text) >= 12
    }
    assert forms.keys() == planted.keys(), "too short to be told from other text"
    return [
        f"{name} in {where}"
        for where, text in _everything(kubectl, cluster)
        for name, shapes in forms.items()
        if any(shape in text for shape in shapes)
    ]


def _everything(kubectl: Kubectl, cluster: Kubectl) -> Iterator[tuple[str, str]]:
    for kind in _KINDS:
        yield kind, kubectl.run("get", kind, "-o", "json")
    for pod in kubectl.items("pods"):
        yield from _logs(kubectl, pod["metadata"]["name"])
    operator = cluster.within("comal-system")
    for pod in operator.items("pods", "-l", "app.kubernetes.io/component=operator"):
        yield from _logs(operator, pod["metadata"]["name"])
    for where in (operator, kubectl):
        yield from _metrics(where)


def _metrics(kubectl: Kubectl) -> Iterator[tuple[str, str]]:
    for component, address in _METRICS.items():
        for pod in kubectl.items("pods", "-l", f"app.kubernetes.io/component={component}"):
            name = pod["metadata"]["name"]
            asked = f"/api/v1/namespaces/{kubectl.namespace}/pods/{name}:{address}"
            yield f"metrics of {name}", kubectl.run("get", "--raw", asked)


def _logs(kubectl: Kubectl, pod: str) -> Iterator[tuple[str, str]]:
    try:
        yield f"log of {pod}", kubectl.run("logs", pod, "--all-containers")
    except KubectlError:
        # It is gone, or waits for its first container: then it has no log.
        return


def read_secret(kubectl: Kubectl, name: str) -> dict[str, str]:
    """Return what stands in a Secret."""
    data: dict[str, str] = json.loads(kubectl.run("get", "secret", name, "-o", "json"))["data"]
    return {key: base64.b64decode(text).decode() for key, text in data.items()}
