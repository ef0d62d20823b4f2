"""Variables that only some steps have: a baseline to score, a place for checkpoints, an attempt."""

from __future__ import annotations

from typing import Final

# An Evaluate step finds a registered package here (model.yaml and serving/model.onnx, as `convert`
# writes them) and leaves that model's metrics on this run's data in the file named next.
BASELINE_DIR_ENV: Final = "COMAL_BASELINE_DIR"
BASELINE_METRICS_FILE_ENV: Final = "COMAL_BASELINE_METRICS_FILE"
BASELINE_METRICS_FILE: Final = "baseline-metrics.json"

# A step that was interrupted goes on from what it left here.
CHECKPOINT_DIR_ENV: Final = "COMAL_CHECKPOINT_DIR"
# 1, 2, …: how often the step was started.
ATTEMPT_ENV: Final = "COMAL_ATTEMPT"
# Only in distributed steps: 0, 1, … and how many; TF_CONFIG or torchrun's variables say the same.
WORKER_INDEX_ENV: Final = "COMAL_WORKER_INDEX"
WORKERS_ENV: Final = "COMAL_WORKERS"

# Where the sample pipelines leave what a person opens, relative to the workspace.
ARTEFACTS_PATH: Final = "artefacts"
TENSORBOARD_PATH: Final = "tensorboard"
SERIES_FILE: Final = "metrics.jsonl"
DATA_STATISTICS_PATH: Final = ".comal/data-statistics.json"
