"""What a step needs to measure a registered version: its package, and where the metrics go."""

from __future__ import annotations

from comal_operator.api.model_version import ModelVersion
from comal_operator.api.training_step import Step
from comal_operator.core.children import container_security
from comal_operator.core.names import short_hash
from comal_operator.core.plan import Manifest
from comal_operator.core.registry.address import split_location
from comal_operator.core.training import registration
from comal_operator.core.training.baseline import is_same_data, name_of
from comal_operator.core.training.look import Look
from comal_operator.core.training.parts import JobParts
from comal_scorer import contract as scorer
from comal_trainer.contract.step_environment import (
    BASELINE_DIR_ENV,
    BASELINE_METRICS_FILE_ENV,
)

BASELINE_DIR = "/comal/baseline"


def parts(look: Look, step: Step) -> JobParts:
    """Return the baseline's package and where to leave its metrics, for a step that evaluates."""
    version = _latched(look)
    if step.role != "Evaluate" or version is None:
        return JobParts()
    mount = {"name": "baseline", "mountPath": BASELINE_DIR}
    return JobParts(
        env=(
            {"name": BASELINE_DIR_ENV, "value": BASELINE_DIR},
            *metrics_file(look),
        ),
        volumes=({"name": "baseline", "emptyDir": {}},),
        mounts=({**mount, "readOnly": True},),
        init_containers=(_fetch(look, version, mount),),
    )


def metrics_file(look: Look) -> tuple[Manifest, ...]:
    """Return the variable that says where the baseline's metrics are; none without a baseline.

    Another version, and another run on the same volume, has another file: nothing old is read.
    """
    version = _latched(look)
    if version is None:
        return ()
    mark = short_hash(look.run["metadata"]["uid"], name_of(version), version.spec.digest)
    path = f"{look.spec.workspace.mount_path}/baseline-metrics-{mark}.json"
    return ({"name": BASELINE_METRICS_FILE_ENV, "value": path},)


def wanted_metrics(look: Look) -> tuple[str, ...]:
    """Return which metrics of the baseline the gate needs."""
    gate = look.spec.gate
    if gate is None or _latched(look) is None:
        return ()
    return tuple(dict.fromkeys((gate.metric, *(guard.metric for guard in gate.guards))))


def evaluations(look: Look) -> int:
    """Return how often the steps that evaluate were started for the comparison."""
    return (look.status.gate.evaluations if look.status.gate else None) or 1


def versions_of_run(look: Look) -> tuple[ModelVersion, ...]:
    """Return the versions of the model that the run registers."""
    register = look.spec.register_
    return () if register is None else registration.versions_of(look.seen, register.model)


def _latched(look: Look) -> ModelVersion | None:
    known = look.status.gate
    if not is_same_data(look.spec.gate) or known is None or known.measured is None:
        return None
    name = known.measured
    return next((one for one in versions_of_run(look) if name_of(one) == name), None)


def _fetch(look: Look, version: ModelVersion, mount: Manifest) -> Manifest:
    url, repository = split_location(version.spec.location)
    arguments = scorer.fetch_arguments(
        url=url, repository=repository, digest=version.spec.digest, target=BASELINE_DIR
    )
    tmp = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 - the Pod's own
    return {
        "name": "baseline",
        "image": look.settings.scorer_image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(arguments),
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [mount, tmp],
    }
