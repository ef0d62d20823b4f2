"""The environment of the step contract: what a step is told about its run."""

from __future__ import annotations

from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.core.plan import Manifest
from comal_operator.core.training.sweep_trial import MODEL_PATH
from comal_trainer import contract
from comal_trainer.contract.data import DATA_DIR_ENV, DATA_PATH


def facts(run: Manifest, spec: TrainingRunSpec, name: str, role: str) -> list[dict[str, str]]:
    """Return the variables that every container of a run has."""
    source, path = spec.source, spec.workspace.mount_path
    left = (run["metadata"].get("annotations") or {}).get(MODEL_PATH)
    model = spec.register_.path if spec.register_ else left or contract.DEFAULT_MODEL_PATH
    told = {
        contract.RUN_ENV: run["metadata"]["name"],
        contract.RUN_UID_ENV: run["metadata"]["uid"],
        contract.NAMESPACE_ENV: run["metadata"]["namespace"],
        contract.STEP_ENV: name,
        contract.ROLE_ENV: role,
        contract.EXPERIMENT_ENV: spec.experiment,
        contract.SOURCE_REPOSITORY_ENV: source.repository if source else None,
        contract.SOURCE_REVISION_ENV: source.revision if source else None,
        contract.BUILD_ID_ENV: source.build_id if source else None,
        contract.BUILD_URI_ENV: source.build_uri if source else None,
        contract.WORKSPACE_ENV: path,
        contract.PARAMETERS_FILE_ENV: contract.PARAMETERS_FILE,
        DATA_DIR_ENV: f"{path}/{DATA_PATH}",
        contract.METRICS_FILE_ENV: f"{path}/{contract.METRICS_FILE}",
        contract.MODEL_DIR_ENV: f"{path}/{model}",
        "HOME": "/tmp",  # noqa: S108 - the only folder of its own that a container may write
    }
    for parameter, value in sorted(spec.parameters.items()):
        told[contract.parameter_variable(parameter)] = value
    # `$(X)` in a value would be expanded by the kubelet; people mean the text.
    return [
        {"name": key, "value": (value or "").replace("$(", "$$(")} for key, value in told.items()
    ]
