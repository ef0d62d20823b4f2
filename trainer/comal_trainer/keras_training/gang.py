"""Several workers as one: who leads, and which share of a batch is whose; or one, alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from comal_trainer.contract import ExitCode
from comal_trainer.failure import UserError

TF_CONFIG_ENV: Final = "TF_CONFIG"
# In this order TensorFlow numbers them.
_ROLES: Final = ("chief", "worker")


@dataclass(frozen=True, slots=True)
class Gang:
    """A place among `size` workers; the first one leads: it alone writes files and reports."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Return whether this is the worker that writes."""
        return self.rank == 0

    def share(self, indices: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
        """Return this worker's part of a batch; all parts together are the batch."""
        return indices[self.rank :: self.size]


def gang_of(environment: Mapping[str, str]) -> Gang:
    """Return the place that TF_CONFIG gives this process; raise UserError when it is malformed."""
    text = environment.get(TF_CONFIG_ENV)
    if not text:
        return Gang()
    try:
        config = json.loads(text)
        cluster = {role: list(config["cluster"].get(role, ())) for role in _ROLES}
        role, index = str(config["task"]["type"]), int(config["task"]["index"])
        rank = index + (len(cluster["chief"]) if role == "worker" else 0)
        size = sum(map(len, cluster.values()))
        known = 0 <= index < len(cluster[role])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"{TF_CONFIG_ENV}: expected cluster (chief, worker) and task: {error!r:.120}"
        raise UserError(message, ExitCode.USAGE) from None
    if not known:
        message = f"{TF_CONFIG_ENV}: task {role} {index} is not in the cluster"
        raise UserError(message, ExitCode.USAGE)
    return Gang(rank, size)


def strategy_of(tensorflow: Any, gang: Gang) -> Any:
    """Return how variables are kept: mirrored in all workers, or plainly when there is one.

    Waits until all workers are there; must be called before anything else of TensorFlow.
    """
    if gang.size == 1:
        return tensorflow.distribute.get_strategy()
    return tensorflow.distribute.MultiWorkerMirroredStrategy()
