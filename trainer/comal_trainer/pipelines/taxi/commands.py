"""`comal_trainer taxi …`: the steps and their flags; the defaults are the seed's."""

from __future__ import annotations

from comal_trainer.contract import ExitCode
from comal_trainer.failure import UserError
from comal_trainer.flags import Commands, Flags, parameters


def declare(commands: Commands) -> None:
    """Add this pipeline's steps."""
    steps = commands.pipeline("taxi", "random forest sample")
    prepare = steps.add("prepare", "rides in three parts", _prepare)
    parameters(
        prepare,
        {
            "data": "CSV of rides, or `generated`, which is the default",
            "rows": "generated: how many rides",
            "seed": "of the split",
        },
    )
    train = steps.add("train", "fit the forest", _train)
    parameters(
        train,
        {
            "n_estimators": "how many trees",
            "bootstrap": "1: each tree on a sample of the rides; 0: on all",
            "max_depth": "how deep a tree may grow",
            "max_features": "share of the columns a split looks at (1.0), or `sqrt`",
            "min_samples_leaf": "fewest rides in a leaf",
            "min_samples_split": "fewest rides that are split",
            "random_state": "seed of the forest",
        },
    )
    steps.add("evaluate", "score the held-out rides", _evaluate)


def _prepare(flags: Flags) -> None:
    from comal_trainer.pipelines.taxi.prepare import Wanted, prepare  # noqa: PLC0415

    wanted = Wanted(
        data=flags.text("data", "generated"),
        rows=flags.whole("rows", "9773", 10, 10_000_000),
        seed=flags.whole("seed", "0", 0, 2**32 - 1),
    )
    prepare(flags.settings, wanted)


def _train(flags: Flags) -> None:
    from comal_trainer.pipelines.taxi.train import Hyperparameters, train  # noqa: PLC0415

    chosen = Hyperparameters(
        n_estimators=flags.whole("n_estimators", "500", 1, 100_000),
        bootstrap=flags.choice("bootstrap", "1", ("0", "1")) == "1",
        max_depth=flags.whole("max_depth", "10", 1, 1000),
        max_features=_max_features(flags),
        min_samples_leaf=flags.whole("min_samples_leaf", "4", 1, 1_000_000),
        min_samples_split=flags.whole("min_samples_split", "5", 2, 1_000_000),
        random_state=flags.whole("random_state", "0", 0, 2**32 - 1),
    )
    train(flags.settings, chosen)


def _max_features(flags: Flags) -> float | str:
    text = flags.text("max_features", "1.0")
    if text == "auto":
        message = "max_features: 'auto' is no longer known; it meant 1.0, which is the default"
        raise UserError(message, ExitCode.USAGE)
    return text if text in {"sqrt", "log2"} else flags.number("max_features", "1.0", 1e-6, 1)


def _evaluate(flags: Flags) -> None:
    from comal_trainer.pipelines.taxi.evaluate import evaluate  # noqa: PLC0415

    evaluate(flags.settings)
