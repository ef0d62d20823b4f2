"""`kubectl comal …`: one command, one answer, 1 when it did not work."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from kubectl_comal.arguments import parser
from kubectl_comal.cluster import Cluster
from kubectl_comal.deployment_view import deployment_view
from kubectl_comal.errors import ComalError
from kubectl_comal.history import history, history_table
from kubectl_comal.invoke import invoke, read_file
from kubectl_comal.logs import Wanted, logs
from kubectl_comal.objects import DEPLOYMENT, KINDS, RUN, Found, find, list_of
from kubectl_comal.overview import overview
from kubectl_comal.requests import DONE, ask, set_of_run
from kubectl_comal.run_view import run_view
from kubectl_comal.series import series, series_table

_LOOK_EVERY = 1.0
_PIPE_COLUMNS = 1000
Arguments = argparse.Namespace


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit status."""
    arguments = parser().parse_args(argv)
    try:
        cluster = Cluster.connect(arguments.context, arguments.namespace)
        return _COMMANDS.get(arguments.command, _request)(cluster, arguments)
    except ComalError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read us (head, less) has seen enough; Python would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _status(cluster: Cluster, arguments: Arguments) -> int:
    if arguments.watch and arguments.output == "json":
        raise ComalError("--watch shows a picture: use -o json without it, again and again")
    console = _console()
    if not arguments.watch:
        seen = _seen(cluster, arguments.name)
        if arguments.output == "json":
            _print_json([one.body for one in seen] if arguments.name is None else seen[0].body)
        else:
            console.print(_picture(cluster, arguments.name, seen))
        return 0
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(
                _picture(cluster, arguments.name, _seen(cluster, arguments.name)), refresh=True
            )
            time.sleep(_LOOK_EVERY)


def _seen(cluster: Cluster, name: str | None) -> list[Found]:
    if name is not None:
        return [find(cluster, name)]
    return [one for kind in KINDS for one in list_of(cluster, kind)]


def _picture(cluster: Cluster, name: str | None, seen: list[Found]) -> RenderableType:
    if name is not None:
        return deployment_view(seen[0]) if seen[0].kind is DEPLOYMENT else run_view(seen[0])
    if not seen:
        return f"nothing serves and nothing trains in namespace {cluster.namespace}"
    return overview(seen)


def _request(cluster: Cluster, arguments: Arguments) -> int:
    found, answer = ask(
        cluster, arguments.name, arguments.command, arguments.revision, arguments.timeout
    )
    if arguments.output == "json":
        _print_json({"name": found.name, "verb": arguments.command, **asdict(answer)})
    elif answer.refused is None:
        sys.stdout.write(f"{answer.about} {DONE[arguments.command]}\n")
        sys.stdout.write(f"{found.condition('Ready').get('message', '')}\n")
    if answer.refused is not None:
        raise ComalError(f"the operator refused {answer.request}: {answer.refused}")
    return 0


def _resume(cluster: Cluster, arguments: Arguments) -> int:
    found = find(cluster, arguments.name)
    if found.kind is RUN:
        return _set(cluster, arguments, found)
    arguments.name = f"{DEPLOYMENT.spellings[0]}/{found.name}"
    return _request(cluster, arguments)


def _of_run(cluster: Cluster, arguments: Arguments) -> int:
    return _set(cluster, arguments, find(cluster, arguments.name, (RUN,)))


def _set(cluster: Cluster, arguments: Arguments, found: Found) -> int:
    so = set_of_run(cluster, found, arguments.command)
    if arguments.output == "json":
        _print_json({"name": found.name, "verb": arguments.command, "message": so})
    else:
        sys.stdout.write(f"{so}\n")
    return 0


def _invoke(cluster: Cluster, arguments: Arguments) -> int:
    body, kind = read_file(arguments.file)
    headers = {"content-type": kind}
    for one in arguments.header:
        name, colon, value = one.partition(":")
        if not colon:
            raise ComalError(f"--header {one!r} must be NAME:VALUE, such as x-api-version:canary")
        headers[name.strip().lower()] = value.strip()
    reply = invoke(
        cluster,
        find(cluster, arguments.name, (DEPLOYMENT,)),
        body,
        part=arguments.revision,
        path=arguments.path,
        headers=headers,
        seconds=arguments.timeout,
    )
    told = reply.headers
    version, revision = told.get("x-comal-model-version"), told.get("x-comal-revision")
    if arguments.output == "json":
        facts = {"status": reply.status, "seconds": round(reply.seconds, 4), "pod": reply.pod}
        text = reply.body.decode(errors="replace")
        _print_json({**facts, "version": version, "revision": revision, "body": text})
    else:
        who = f"version {version}, revision {revision}" if revision else f"Pod {reply.pod}"
        sys.stderr.write(f"{reply.status} from {who} in {reply.seconds * 1000:.0f} ms\n")
        sys.stdout.buffer.write(reply.body.rstrip(b"\n") + b"\n")
    return 0 if reply.status < 400 else 1


def _history(cluster: Cluster, arguments: Arguments) -> int:
    found = find(cluster, arguments.name)
    rows = history(cluster, found)
    if arguments.output == "json":
        _print_json(rows)
    else:
        _console().print(history_table(found, rows))
    return 0


def _metrics(cluster: Cluster, arguments: Arguments) -> int:
    rows = series(cluster, find(cluster, arguments.name, (RUN,)))
    if arguments.output == "json":
        _print_json(rows)
    else:
        _console().print(series_table(rows))
    return 0


def _logs(cluster: Cluster, arguments: Arguments) -> int:
    wanted = Wanted(
        arguments.part, arguments.attempt, arguments.tail, arguments.follow, arguments.previous
    )
    lines = logs(cluster, find(cluster, arguments.name), wanted)
    if arguments.output == "json":
        _print_json(list(lines))
        return 0
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return 0


def _console() -> Console:
    """Return where pictures go: what the cluster says is shown as it is, square brackets too."""
    # Whoever reads through a pipe wants whole lines.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_COLUMNS
    return Console(highlight=False, markup=False, emoji=False, width=width)


def _print_json(value: Any) -> None:
    sys.stdout.write(f"{json.dumps(value, indent=2, ensure_ascii=False)}\n")


_COMMANDS: dict[str, Callable[[Cluster, Arguments], int]] = {
    "status": _status,
    "resume": _resume,
    "suspend": _of_run,
    "cancel": _of_run,
    "invoke": _invoke,
    "history": _history,
    "metrics": _metrics,
    "logs": _logs,
}

if __name__ == "__main__":
    sys.exit(main())
