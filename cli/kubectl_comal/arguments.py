"""The command line."""

from __future__ import annotations

import argparse

_NAMED = "NAME, mdep/NAME or trun/NAME"
_REQUESTS = {
    "promote": "take the candidate to 100 percent, past the remaining steps",
    "abort": "take the candidate to 0 percent; it is not tried again by itself",
    "approve": "let the candidate pass the step that waits for approval",
    "pause": "hold the candidate at its share",
    "rollback": "go back: from the candidate, or from what serves to what served before",
    "retry": "try a rejected revision again",
}
_RUNS = {
    "suspend": "stop a training; finished steps stay finished",
    "cancel": "end a training for good",
}
_PART = "stable, candidate, previous, or a revision's own name"


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    root = argparse.ArgumentParser(
        prog="kubectl comal",
        description="Look after trainings (TrainingRun) and endpoints (ModelDeployment).",
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _status(commands)
    for verb, text in _REQUESTS.items():
        _request(commands, verb, text)
    _request(commands, "resume", "let a paused rollout, or a suspended training, go on")
    for verb, text in _RUNS.items():
        _with_cluster(commands.add_parser(verb, help=text, description=text)).add_argument(
            "name", help="NAME or trun/NAME"
        )
    _invoke(commands)
    history = commands.add_parser("history", help="revisions that there were, attempts at steps")
    _with_cluster(history).add_argument("name", help=_NAMED)
    metrics = commands.add_parser("metrics", help="what a training measured while it ran")
    _with_cluster(metrics).add_argument("name", help="NAME or trun/NAME")
    _logs(commands)
    return root


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def _with_cluster(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("-n", "--namespace", help="default: the context's")
    command.add_argument("--context", help="context of the kubeconfig; default: the current one")
    command.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="json for programs"
    )
    return command


def _status(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("status", help="what serves and trains, and how far it is")
    _with_cluster(command)
    command.add_argument("name", nargs="?", help=f"{_NAMED}; all of the namespace if left out")
    command.add_argument("-w", "--watch", action="store_true", help="go on showing it")


def _request(commands: _Commands[argparse.ArgumentParser], verb: str, text: str) -> None:
    command = _with_cluster(commands.add_parser(verb, help=text, description=text))
    command.add_argument("name", help=_NAMED if verb == "resume" else "NAME or mdep/NAME")
    command.add_argument("--revision", help="default: the one that is meant, which is printed")
    command.add_argument(
        "--timeout", type=float, default=30, metavar="SECONDS", help="wait for the answer"
    )


def _invoke(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("invoke", help="score a file against an endpoint or a revision")
    _with_cluster(command)
    command.add_argument("name", help="NAME or mdep/NAME")
    command.add_argument("-f", "--file", required=True, help="what to POST; - for standard input")
    command.add_argument(
        "--revision", help=f"{_PART}: ask one of its Pods, past the routers and their shares"
    )
    command.add_argument("--path", default="/score", help="default: /score")
    command.add_argument(
        "-H", "--header", action="append", default=[], metavar="NAME:VALUE", help="may be repeated"
    )
    command.add_argument("--timeout", type=float, default=60, metavar="SECONDS")


def _logs(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("logs", help="logs, of attempts whose Pods are gone too")
    _with_cluster(command)
    command.add_argument("name", help=_NAMED)
    command.add_argument(
        "part", nargs="?", help=f"of a training: the step; of an endpoint: {_PART}, or routers"
    )
    command.add_argument("--attempt", type=int, metavar="N", help="a failed attempt at the step")
    command.add_argument("--tail", type=int, default=20, metavar="LINES", help="-1 for all")
    command.add_argument("-f", "--follow", action="store_true", help="go on as more is logged")
    command.add_argument("-p", "--previous", action="store_true", help="before the last restart")
