"""The endpoint under load: what Git wants of it, what people ask, what is waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster_words import a_deployment, condition, wait_condition
from demo.kubectl import Kubectl, Manifest
from traffic.models import MODEL

NAME = "told"
PATIENCE = 240.0
QUICK = ({"percent": "10", "for": "4s"}, {"percent": "50", "for": "4s"})
HELD = ({"percent": "10", "for": "3s"}, {"percent": "50", "approval": "Required"})


class Endpoint:
    """One ModelDeployment; each `apply` of another version or number is another revision."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl
        self._asked = 0

    def apply(
        self, version: int, number: int, *, steps: tuple[Manifest, ...] = QUICK, bake: str = "1s"
    ) -> None:
        """Let Git want this version; `number` tells one revision of it from another."""
        rollout = {"steps": list(steps), "bake": bake, "drain": "2s"}
        spec: dict[str, Any] = {
            "replicas": 2,
            "rollout": rollout,
            "access": {"auth": "Keys"},
            "predictor": {"env": [{"name": "ROLLOUT", "value": str(number)}]},
        }
        model = {"name": MODEL, "version": str(version)}
        self.kubectl.apply(a_deployment(NAME, model=model, **spec))

    def status(self) -> Manifest:
        """Return its status now."""
        found: Manifest = (self.kubectl.find("mdep", NAME) or {}).get("status") or {}
        return found

    def at_rest(self, version: int) -> Manifest:
        """Wait until that version serves alone: the former one has left and lost its Pods."""

        def look(found: Manifest) -> Manifest | None:
            status = found.get("status", {})
            ready = condition(found, "Ready")
            current = ready.get("observedGeneration") == found["metadata"]["generation"]
            stable = status.get("stable", {}).get("modelVersion") == f"{MODEL}-v{version}"
            leaving = any(status.get(one) for one in ("candidate", "previous", "draining"))
            rests = current and ready["status"] == "True" and stable and not leaving
            return found if rests else None

        return self._until(f"version {version} alone", look)

    def share(self, percent: str) -> Manifest:
        """Wait until every router gives the candidate that share."""

        def look(found: Manifest) -> Manifest | None:
            status: Manifest = found.get("status", {})
            candidate = status.get("candidate", {}).get("revision")
            shares = {one["revision"]: one for one in status.get("traffic", ())}
            acknowledged = shares.get(candidate, {}).get("acknowledgedPercent")
            return status if candidate and acknowledged == percent else None

        return self._until(f"{percent} percent", look)

    def _until(self, what: str, look: Callable[[Manifest], Manifest | None]) -> Manifest:
        return self.kubectl.until(what, look, kind="mdep", name=NAME, seconds=PATIENCE)

    def stalled(self) -> Manifest:
        """Wait until it has gone back."""
        return wait_condition(self.kubectl, "mdep", NAME, ("Stalled", "True"), seconds=PATIENCE)

    def ask(self, verb: str, role: str = "candidate") -> None:
        """Annotate, as a person does without the plugin."""
        self._asked += 1
        revision = self.status()[role]["revision"]
        me = self.kubectl.run("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
        self.kubectl.run(
            *("annotate", "--overwrite", "mdep", NAME),
            f"comal.dev/request={verb}@{revision}#{self._asked}",
            f"comal.dev/requested-by={me.strip()}",
        )

    def pods(self, component: str, role: str = "") -> list[str]:
        """Return the names of its Pods of one component, of one role's revision if given."""
        labels = f"comal.dev/model-deployment={NAME},app.kubernetes.io/component={component}"
        if role:
            labels += f",comal.dev/revision={self.status()[role]['revision']}"
        found = self.kubectl.items("pods", "-l", labels)
        return [one["metadata"]["name"] for one in found if _runs(one)]


def _runs(pod: Manifest) -> bool:
    leaves = "deletionTimestamp" in pod["metadata"]
    return not leaves and pod["status"].get("phase") == "Running"
