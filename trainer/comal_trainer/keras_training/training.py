"""A training from its recipe: the model built where it will be trained, the loop, what is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from comal_trainer.contract import RUN_UID_ENV
from comal_trainer.failure import UnavailableError
from comal_trainer.heartbeat import Heartbeat
from comal_trainer.keras_runtime import load_keras, load_tensorflow
from comal_trainer.keras_training.checkpoints import Checkpoints
from comal_trainer.keras_training.gang import Gang, gang_of, strategy_of
from comal_trainer.keras_training.journal import Journal
from comal_trainer.keras_training.loop import Examples, Parts, Plan, Validate, fit
from comal_trainer.keras_training.position import Epoch
from comal_trainer.settings import Settings, whole_number_in


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a model and train it.

    `facts` are the parameters and the data's digest: a checkpoint made under others is no use.
    """

    network: Callable[[Any], Any]  # keras → a built model
    optimizer: Callable[[Any], Any]  # keras → its optimizer
    plan: Plan
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model, with what each epoch measured."""

    keras: Any
    model: Any
    history: tuple[Epoch, ...]


def train(
    settings: Settings, recipe: Recipe, examples: Examples, validate: Validate
) -> Trained | None:
    """Return the trained model; None for a worker that does not lead and has nothing to write.

    Raises UserError, UnavailableError when another worker is gone, SystemExit on SIGTERM.
    """
    gang = gang_of(settings.environment)
    keras, tensorflow = load_keras(), load_tensorflow()
    strategy = strategy_of(tensorflow, gang)
    keras.utils.set_random_seed(recipe.plan.seed)
    with strategy.scope():
        model = recipe.network(keras)
        optimizer = recipe.optimizer(keras)
        optimizer.build(model.trainable_variables)
    heartbeat = Heartbeat(workspace=settings.workspace) if gang.leads else None
    journal = Journal(heartbeat, settings.series_file, settings.events_dir, recipe.plan.epochs)
    checkpoints = _checkpoints(settings, recipe, gang)
    parts = Parts(
        tensorflow,
        keras,
        strategy,
        gang,
        model,
        optimizer,
        journal=journal,
        checkpoints=checkpoints,
    )
    try:
        with heartbeat or nullcontext():
            history = fit(parts, recipe.plan, examples, validate)
    except tensorflow.errors.OpError as error:
        if gang.size == 1:
            raise
        kind = type(error).__name__
        raise UnavailableError(f"another worker of this training is gone ({kind})") from None
    if not gang.leads:
        print(f"worker {gang.rank} of {gang.size} is done; the first writes the model", flush=True)
        return None
    return Trained(keras, model, history)


def _checkpoints(settings: Settings, recipe: Recipe, gang: Gang) -> Checkpoints:
    # Of this run only: the workspace may be one that other runs have used.
    facts = {
        **recipe.facts,
        **asdict(recipe.plan),
        "run": settings.environment.get(RUN_UID_ENV, ""),
    }
    identity = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    every = settings.parameter("checkpoint_steps", "0")
    return Checkpoints(
        folder=settings.checkpoint_dir,
        identity=identity,
        every_steps=whole_number_in("checkpoint_steps", every, 0, 10**9),
        writes=gang.leads,
    )
