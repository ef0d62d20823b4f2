"""Where a step finds its workspace, its parameters and its run: the environment, with defaults."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from comal_trainer.contract import (
    DEFAULT_MODEL_PATH,
    DEFAULT_WORKSPACE,
    METRICS_FILE,
    METRICS_FILE_ENV,
    MODEL_DIR_ENV,
    PACKAGE_PATH,
    PARAMETERS_FILE_ENV,
    RUN_ENV,
    WORKSPACE_ENV,
    ExitCode,
    parameter_variable,
)
from comal_trainer.contract.step_environment import (
    ARTEFACTS_PATH,
    BASELINE_DIR_ENV,
    BASELINE_METRICS_FILE,
    BASELINE_METRICS_FILE_ENV,
    CHECKPOINT_DIR_ENV,
    DATA_STATISTICS_PATH,
    SERIES_FILE,
    TENSORBOARD_PATH,
)
from comal_trainer.failure import UserError


@dataclass(frozen=True, slots=True)
class Settings:
    """The places of one run. Outside Kubernetes the workspace is a flag or the current folder."""

    workspace: Path
    metrics_file: Path
    model_dir: Path
    environment: Mapping[str, str]

    @property
    def data_dir(self) -> Path:
        """Return the folder of what the sample pipelines prepared; `data` is the run's own."""
        return self.workspace / "prepared"

    @property
    def artefacts_dir(self) -> Path:
        """Return the folder of what a person opens: plots and tables."""
        return self.workspace / ARTEFACTS_PATH

    @property
    def series_file(self) -> Path:
        """Return the file with a line of metrics for each epoch."""
        return self.workspace / SERIES_FILE

    @property
    def events_dir(self) -> Path:
        """Return the folder of this run's TensorBoard event files."""
        return self.workspace / TENSORBOARD_PATH / (self.environment.get(RUN_ENV) or "run")

    @property
    def data_statistics_file(self) -> Path:
        """Return the file in which `check-data` describes the data."""
        return self.workspace / DATA_STATISTICS_PATH

    @property
    def checkpoint_dir(self) -> Path | None:
        """Return the folder of checkpoints, None where the step keeps none."""
        path = self.environment.get(CHECKPOINT_DIR_ENV)
        return self.workspace / path if path else None

    @property
    def baseline_dir(self) -> Path | None:
        """Return the folder of the registered package to compare with, None without one."""
        path = self.environment.get(BASELINE_DIR_ENV)
        return self.workspace / path if path else None

    @property
    def baseline_metrics_file(self) -> Path:
        """Return the file for the metrics of the baseline on this run's data."""
        path = self.environment.get(BASELINE_METRICS_FILE_ENV)
        return self.workspace / (path or BASELINE_METRICS_FILE)

    @property
    def package_dir(self) -> Path:
        """Return the folder that `convert` writes and `register` pushes."""
        return self.workspace / PACKAGE_PATH

    def parameter(self, name: str, default: str) -> str:
        """Return a run's parameter as text: from its variable, else the parameters file."""
        value = self.environment.get(parameter_variable(name))
        return _from_file(self.environment, name, default) if value is None else value


def settings_from(environment: Mapping[str, str], workspace: str | None = None) -> Settings:
    """Return the settings of this environment; a `workspace` given by flag wins over all paths."""
    if workspace is not None:
        # The other paths of the environment belong to another workspace.
        inside = {
            k: v for k, v in environment.items() if k not in {METRICS_FILE_ENV, MODEL_DIR_ENV}
        }
        return settings_from({**inside, WORKSPACE_ENV: workspace})
    # In an image the default folder exists; on a laptop nobody has a /workspace.
    default = DEFAULT_WORKSPACE if os.access(DEFAULT_WORKSPACE, os.W_OK) else "."
    root = Path(environment.get(WORKSPACE_ENV) or default).absolute()
    return Settings(
        workspace=root,
        metrics_file=root / (environment.get(METRICS_FILE_ENV) or METRICS_FILE),
        model_dir=root / (environment.get(MODEL_DIR_ENV) or DEFAULT_MODEL_PATH),
        environment=environment,
    )


def number_in(field: str, text: str, least: float, most: float) -> float:
    """Return the decimal that `text` holds; raise UserError when it is none in [least, most]."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        message = f"{field}: {text[:80]!r} is no number from {least:g} to {most:g}"
        raise UserError(message, ExitCode.USAGE)
    return value


def whole_number_in(field: str, text: str, least: int, most: int) -> int:
    """Return the whole number that `text` holds; raise UserError when it is none in the bounds."""
    value = number_in(field, text, least, most)
    if value != int(value):
        raise UserError(f"{field}: {text[:80]!r} is not a whole number", ExitCode.USAGE)
    return int(value)


def _from_file(environment: Mapping[str, str], name: str, default: str) -> str:
    path = environment.get(PARAMETERS_FILE_ENV)
    if not path:
        return default
    try:
        parameters = json.loads(Path(path).read_bytes())
        return str(parameters[name]) if name in parameters else default
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{PARAMETERS_FILE_ENV}: {path} cannot be read: {error}") from None
