"""`python -m bench`: the scorer beside its peers, interleaved on one core each, as a table."""

import argparse
import shutil
import sys
from pathlib import Path

from bench.bars import Figures, bars
from bench.contestants import Contestant, contestants
from bench.forward import forward_milliseconds
from bench.measuring import Result, measure
from bench.models import prepared

# float32 models and float64 ones agree to this.
_TOLERANCE = 2e-3
# A server that takes a fifth of a second for a request has too few at more connections to count.
_CONNECTIONS = {"ridge": [1, 16, 64], "cnn": [1, 16]}
_FILES: dict[str, dict[str, str]] = {
    "ridge": {},
    "cnn": {"onnx": "cnn.onnx", "litert": "cnn.tflite"},
}


def main() -> int:
    """Return 0 when all contestants were measured and answered alike, and every bar is met."""
    options = _options()
    for program, package in (("wrk", "wrk"), ("taskset", "util-linux"), ("nginx", "nginx-light")):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing; install it: apt-get install {package}")
    folder = prepared()
    models = [options.model] if options.model else list(_CONNECTIONS)
    return max([_one_model(model, folder, options) for model in models])


def _one_model(model: str, folder: Path, options: argparse.Namespace) -> int:
    everyone = contestants(model)
    listed = [one for one in everyone if not options.only or one.name in options.only]
    for one in listed:
        # Makes its environment, where there is none: not between measurements.
        one.command(folder)
    connections = options.connections or _CONNECTIONS[model]
    figures = _rounds(model, folder, listed, connections, options)
    print(f"\n{model}: {options.rounds} rounds of {options.seconds} s\n")
    _print(figures, connections)
    print("\n| bar | goal | found | met |\n|---|---|---|---|")
    judged = bars(model, figures)
    for bar in judged:
        print(bar)
    agree = _agree(listed, figures.results, options.rounds)
    return 0 if agree and all(bar.met is not False for bar in judged) else 1


def _rounds(
    model: str,
    folder: Path,
    listed: list[Contestant],
    connections: list[int],
    options: argparse.Namespace,
) -> Figures:
    figures = Figures({one.name: [] for one in listed}, {name: [] for name in _FILES[model]})
    for number in range(options.rounds):
        for runtime, file in _FILES[model].items():
            figures.forward[runtime].append(forward_milliseconds(folder / file, options.seconds))
        # The other way round every other time: what warms up or wears out hits all alike.
        for one in listed if number % 2 == 0 else reversed(listed):
            try:
                result = measure(one, folder, model, connections, options.seconds)
            except RuntimeError as problem:
                print(problem, file=sys.stderr)
                continue
            figures.results[one.name].append(result)
            print(f"round {number} {one.name}: {result}", file=sys.stderr)
    return figures


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=tuple(_CONNECTIONS), help="one of them, not both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="for each number of connections")
    parser.add_argument("--connections", type=int, nargs="+", help="other numbers of them")
    parser.add_argument("--only", nargs="+", default=[], help="contestants by name")
    return parser.parse_args()


def _print(figures: Figures, connections: list[int]) -> None:
    heads = [f"{count}: req/s | p50 ms | p99 ms | CPU ms | ratio" for count in connections]
    print("| server | first answer s | MB | " + " | ".join(heads) + " |")
    print("|---" * (3 + 5 * len(connections)) + "|")
    first = next(iter(figures.results))
    for name in figures.results:
        cells = [
            name,
            _cell(figures.first_answer(name), 2),
            _cell(figures.megabytes(name), 0),
        ]
        for count in connections:
            rate, base = figures.rate(name, count), figures.rate(first, count)
            cells += [
                _cell(rate, 0),
                _cell(figures.p50(name, count), 2),
                _cell(figures.p99(name, count), 2),
                _cell(figures.cpu(name, count), 4),
                _cell(rate / base if rate and base else None, 2),
            ]
        print("| " + " | ".join(cells) + " |")
    for runtime in figures.forward:
        print(f"\nforward pass of {runtime} alone: {_cell(figures.floor(runtime), 4)} CPU ms")


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _agree(listed: list[Contestant], results: dict[str, list[Result]], rounds: int) -> bool:
    """Return whether all were measured and gave the same prediction; say who was not or did not."""
    wrong = []
    predicted = [one.answer for found in results.values() for one in found]
    for contestant in listed:
        found = results[contestant.name]
        if len(found) < rounds:
            wrong.append(f"{contestant.name} was measured {len(found)} times of {rounds}")
        for one in found:
            differs = abs(one.answer - predicted[0]) > _TOLERANCE * max(abs(predicted[0]), 1e-3)
            if contestant.predicts and differs:
                wrong.append(f"{contestant.name} predicts {one.answer}, the first {predicted[0]}")
            wrong += [
                f"{contestant.name}: {load.bad} requests failed at {count}"
                for count, load in one.loads.items()
                if load.bad
            ]
    print("\n".join(wrong), file=sys.stderr)
    return not wrong


if __name__ == "__main__":
    sys.exit(main())
