"""`comal_trainer compliance …`: the steps and their flags; the defaults are the seed's."""

from __future__ import annotations

from comal_trainer.flags import Commands, Flags, parameters


def declare(commands: Commands) -> None:
    """Add this pipeline's steps."""
    steps = commands.pipeline("compliance", "text classification sample")
    prepare = steps.add("prepare", "texts in three parts", _prepare)
    parameters(
        prepare,
        {
            "data": "CSV with the columns text and label, or `generated`, which is the default",
            "rows": "generated: how many texts",
            "train_rows": "how many to train on",
            "validation_rows": "how many to validate with; the rest is the test",
            "seed": "of the order",
        },
    )
    train = steps.add("train", "fit the model", _train)
    parameters(
        train,
        {
            "epochs": "how often every text is seen",
            "batch": "texts in one step",
            "lr": "learning rate",
            "words": "size of the vocabulary",
            "vectors": "file of word vectors in GloVe's form, or `random`, which is the default",
            "seed": "of shuffling, first weights and random vectors",
        },
    )
    steps.add("evaluate", "score the held-out texts", _evaluate)


def _prepare(flags: Flags) -> None:
    from comal_trainer.pipelines.compliance.prepare import Wanted, prepare  # noqa: PLC0415

    wanted = Wanted(
        data=flags.text("data", "generated"),
        rows=flags.whole("rows", "100000", 3, 10_000_000),
        train_rows=flags.whole("train_rows", "90000", 1, 10_000_000),
        validation_rows=flags.whole("validation_rows", "5000", 1, 10_000_000),
        seed=flags.whole("seed", "1", 1, 2**31 - 1),
    )
    prepare(flags.settings, wanted)


def _train(flags: Flags) -> None:
    from comal_trainer.pipelines.compliance.train import (  # noqa: PLC0415
        Hyperparameters,
        train,
    )

    chosen = Hyperparameters(
        epochs=flags.whole("epochs", "1", 1, 10_000),
        batch=flags.whole("batch", "32", 1, 100_000),
        learning_rate=flags.number("lr", "0.1", 1e-9, 10),
        words=flags.whole("words", "10000", 2, 1_000_000),
        vectors=flags.text("vectors", "random"),
        seed=flags.whole("seed", "1", 1, 2**31 - 1),
    )
    train(flags.settings, chosen)


def _evaluate(flags: Flags) -> None:
    from comal_trainer.pipelines.compliance.evaluate import evaluate  # noqa: PLC0415

    evaluate(flags.settings)
