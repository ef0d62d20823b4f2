"""`python -m bench`: the scorer beside its peers, interleaved on one core each, as a table."""

import argparse
import shutil
import sys
from statistics import median

from bench.contestants import contestants
from bench.measuring import Result, measure
from bench.models import prepared

# float32 models and float64 ones agree to this.
_TOLERANCE = 2e-3


def main() -> int:
    """Return 0 when all contestants answered alike."""
    options = _options()
    for program in ("wrk", "taskset"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing; install it: apt-get install wrk util-linux")
    folder = prepared()
    listed = [
        one for one in contestants(options.model) if not options.only or one.name in options.only
    ]
    results: dict[str, list[Result]] = {one.name: [] for one in listed}
    for number in range(options.rounds):
        # The other way round every other time: what warms up or wears out hits all alike.
        for one in listed if number % 2 == 0 else reversed(listed):
            try:
                result = measure(one, folder, options.model, options.connections, options.seconds)
            except RuntimeError as problem:
                print(problem, file=sys.stderr)
                continue
            results[one.name].append(result)
            print(f"round {number} {one.name}: {result}", file=sys.stderr)
    measured = {name: found for name, found in results.items() if found}
    _print(measured, options.connections)
    return _agree(measured)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=("ridge", "cnn"), default="ridge")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="for each number of connections")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--only", nargs="+", default=[], help="contestants by name")
    return parser.parse_args()


def _print(results: dict[str, list[Result]], connections: list[int]) -> None:
    heads = [f"{count}: req/s | p50 ms | p99 ms | CPU ms | ratio" for count in connections]
    print("| server | first answer s | MB | " + " | ".join(heads) + " |")
    print("|---" * (3 + 5 * len(connections)) + "|")
    first = next(iter(results.values()))
    for name, found in results.items():
        cells = [
            name,
            f"{median(one.first_answer_seconds for one in found):.2f}",
            f"{median(one.megabytes for one in found):.0f}",
        ]
        for count in connections:
            loads = [one.loads[count] for one in found]
            base = median(one.loads[count].rate for one in first)
            rate = median(load.rate for load in loads)
            cells += [
                f"{rate:.0f}",
                f"{median(load.p50 for load in loads):.2f}",
                f"{median(load.p99 for load in loads):.2f}",
                f"{median(load.cpu_milliseconds for load in loads):.4f}",
                f"{rate / base:.2f}" if base else "-",
            ]
        print("| " + " | ".join(cells) + " |")


def _agree(results: dict[str, list[Result]]) -> int:
    """Return 1, and say who, when predictions differ or a request failed."""
    wrong = 0
    reference = next(iter(results.values()))[0].answer
    for name, found in results.items():
        for one in found:
            if abs(one.answer - reference) > _TOLERANCE * max(abs(reference), 1e-3):
                print(f"{name} predicts {one.answer}, the first {reference}", file=sys.stderr)
                wrong = 1
            for count, load in one.loads.items():
                if load.bad:
                    print(f"{name}: {load.bad} requests failed at {count}", file=sys.stderr)
                    wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main())
