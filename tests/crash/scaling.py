"""Stories of ModelDeployments that an autoscaler scales, and of a rollout that is tried again."""

from __future__ import annotations

from crash.scenario import Move, Scenario, Stage
from crash.serving import (
    NAME,
    Do,
    When,
    asks,
    deploys,
    has_weight,
    heard,
    is_,
    is_ready,
    status_of,
    strips,
    versions,
    wants,
)
from crash.standin.jobs import Script

_BUSY = 3


def _autoscaled() -> Do:
    """Return the move that has the endpoint scaled by an autoscaler from now on."""
    spec = {"replicas": None, "autoscaling": {"min": 1, "max": 5, "cpu": 70}}
    return lambda stage: stage.change("ModelDeployment", NAME, spec)


def _has_grown(version: int) -> When:
    """Return the predicate that this version serves with all the Pods that the load wants."""

    def holds(stage: Stage) -> bool:
        revision = (status_of(stage).get("stable") or {}).get("revision")
        deployment = stage.get("Deployment", f"{NAME}-{revision}") or {"spec": {}}
        return is_ready(version)(stage) and deployment["spec"].get("replicas") == _BUSY

    return holds


SCALING = (
    Scenario(
        name="autoscaler takes over",
        moves=(
            *versions(1, 2),
            # An autoscaler goes by a percentage of it.
            Move(deploys(resources={"requests": {"cpu": "100m"}})),
            Move(_autoscaled(), is_ready(1)),
            Move(wants("2"), _has_grown(1)),
        ),
        goal=_has_grown(2),
        script=Script(busy_pods=_BUSY),
    ),
    Scenario(
        name="aborted and tried again",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(wants("2"), is_ready(1)),
            Move(asks("abort"), has_weight(2, "10")),
            Move(strips, is_("RolledBack")),
            Move(asks("retry", "rejected"), is_("RolledBack")),
        ),
        goal=is_ready(2),
        judge=heard("retry", "abort"),
    ),
)
