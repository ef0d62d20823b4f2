"""`comal_trainer diabetes …`: the steps and their flags."""

from __future__ import annotations

from comal_trainer.flags import Commands, Flags, parameters


def declare(commands: Commands) -> None:
    """Add this pipeline's steps."""
    steps = commands.pipeline("diabetes", "ridge regression sample")
    train = steps.add("train", "fit the model", _train)
    parameters(
        train,
        {
            "alpha": "regularisation, 0.5 unless given",
            "data": "CSV with the columns age … s6 and Y, or `bundled`, which is the default",
        },
    )
    steps.add("evaluate", "score it on the held-out rows", _evaluate)


def _train(flags: Flags) -> None:
    from comal_trainer.pipelines.diabetes.train import train  # noqa: PLC0415

    train(flags.settings, flags.number("alpha", "0.5", 0, 1e6), flags.text("data", "bundled"))


def _evaluate(flags: Flags) -> None:
    from comal_trainer.pipelines.diabetes.evaluate import evaluate  # noqa: PLC0415

    evaluate(flags.settings)
