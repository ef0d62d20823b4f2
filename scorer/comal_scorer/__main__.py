"""`python -m comal_scorer fetch|serve`: the two containers of a scoring Pod."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from comal_scorer import contract
from comal_scorer.failure import TerminationError, report_termination

_GIBIBYTE = 2**30


def main(arguments: Sequence[str]) -> int:
    """Run one command; return 0, or 1 after leaving a termination message."""
    # ONNX Runtime would call Microsoft from each of its processes; `disable_telemetry_events` of
    # 1.31 does not keep it from that.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    # The first process of a container is not ended by a signal that it does not handle: without
    # this a Pod deleted while it fetches or loads would stay for its whole grace period.
    signal.signal(signal.SIGTERM, _leave)
    options = _parser().parse_args(arguments)
    log = Path(os.environ.get(contract.TERMINATION_LOG_ENV, contract.TERMINATION_LOG))
    try:
        if options.command == contract.FETCH_COMMAND:
            _fetch(options)
        else:
            _serve(log)
    except TerminationError as error:
        report_termination(error, log)
        return 1
    return 0


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _fetch(options: argparse.Namespace) -> None:
    # Imported late: each command starts in the time of its own imports alone.
    from comal_scorer.fetch import fetch  # noqa: PLC0415
    from comal_scorer.registry import Patience, open_registry  # noqa: PLC0415

    patience = Patience(deadline=options.deadline)
    registry = open_registry(options.url, options.repository, patience)
    artifact = fetch(registry, options.digest, Path(options.target), options.max_bytes)
    print(f"fetched {artifact.digest}: {len(artifact.files)} files, {artifact.total_bytes} bytes")


def _serve(log: Path) -> None:
    # BLAS reads this once, when NumPy is loaded; its threads would only fight with ours.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from comal_scorer.server import serve  # noqa: PLC0415
    from comal_scorer.settings import read_settings  # noqa: PLC0415

    code = serve(read_settings(os.environ), log)
    # All requests are answered. Taking the interpreter down in order would race with Granian's own
    # threads, which panic when it goes away under them and may turn the exit code into 134.
    sys.stderr.flush()
    os._exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="comal_scorer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser(contract.FETCH_COMMAND, help="download a model by digest")
    fetch.add_argument("--url", required=True, help="the registry, http://host:port")
    fetch.add_argument("--repository", required=True, help="for example models/diabetes")
    fetch.add_argument("--digest", required=True, help="the manifest's digest, sha256:…")
    fetch.add_argument("--target", required=True, help="the folder to fill")
    fetch.add_argument("--deadline", type=float, default=120.0, help="seconds to try (120)")
    fetch.add_argument("--max-bytes", type=int, default=16 * _GIBIBYTE, help="most bytes (16 GiB)")
    commands.add_parser(contract.SERVE_COMMAND, help="answer scoring requests")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
