"""What the scorer must reach beside its peers: each a ratio within one run, so noise cancels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from bench.contestants import FLOOR
from bench.measuring import Result

PEERS = ("azureml", "mlserver", "kserve", "mosec", "fastapi", "triton")
_FEW, _MANY = 16, 64


@dataclass(frozen=True)
class Bar:
    """A ratio and its goal; `found` is None where a contestant of it was not measured."""

    text: str
    found: float | None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none, or nothing was measured."""
        if self.found is None or (self.at_least is None and self.at_most is None):
            return None
        low, high = self.at_least, self.at_most
        return (low is None or self.found >= low) and (high is None or self.found <= high)

    def __str__(self) -> str:
        """Return the bar's row of a table."""
        goal = "-"
        if self.at_least is not None:
            goal = f"≥ {self.at_least:g}"
        elif self.at_most is not None:
            goal = f"≤ {self.at_most:g}"
        found = "not measured" if self.found is None else f"{self.found:.3g}"
        verdict = {True: "yes", False: "NO", None: "-"}[self.met]
        return f"| {self.text} | {goal} | {found} | {verdict} |"


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds; None for what was not measured."""

    results: dict[str, list[Result]]
    # CPU milliseconds of a forward pass alone, by runtime.
    forward: dict[str, list[float]]

    def rate(self, name: str, connections: int) -> float | None:
        """Return requests a second."""
        return self._median(name, lambda one: one.loads[connections].rate, connections)

    def p50(self, name: str, connections: int) -> float | None:
        """Return milliseconds of the request in the middle."""
        return self._median(name, lambda one: one.loads[connections].p50, connections)

    def p99(self, name: str, connections: int) -> float | None:
        """Return milliseconds that one of a hundred requests exceeds."""
        return self._median(name, lambda one: one.loads[connections].p99, connections)

    def cpu(self, name: str, connections: int) -> float | None:
        """Return CPU milliseconds per request, of all the server's processes."""
        return self._median(name, lambda one: one.loads[connections].cpu_milliseconds, connections)

    def first_answer(self, name: str) -> float | None:
        """Return seconds from the start of the process to its first answer."""
        return self._median(name, lambda one: one.first_answer_seconds)

    def megabytes(self, name: str) -> float | None:
        """Return resident memory after all loads."""
        return self._median(name, lambda one: one.megabytes)

    def floor(self, runtime: str) -> float | None:
        """Return CPU milliseconds of the runtime's own forward pass."""
        return median(self.forward[runtime]) if self.forward.get(runtime) else None

    def _median(
        self, name: str, value: Callable[[Result], float], connections: int | None = None
    ) -> float | None:
        found = [
            value(one)
            for one in self.results.get(name, [])
            if connections is None or connections in one.loads
        ]
        return median(found) if found else None


def bars(model: str, figures: Figures) -> list[Bar]:
    """Return the bars that a run of this model can judge."""
    return list(_ridge(figures) if model == "ridge" else _cnn(figures))


def _ridge(figures: Figures) -> Iterator[Bar]:
    rate, p99 = figures.rate, figures.p99
    for count, goal in ((_FEW, 10), (_MANY, 15)):
        found = _ratio(rate("comal", count), rate("azureml", count))
        yield Bar(f"requests/s at {count}, ours / azureml", found, at_least=goal)
    best = max((rate(name, _FEW) or 0 for name in PEERS), default=0)
    found = _ratio(rate("comal", _FEW), best)
    yield Bar(f"requests/s at {_FEW}, ours / best peer", found, at_least=3)
    found = _ratio(p99("comal", _FEW), p99("azureml", _FEW))
    yield Bar(f"p99 at {_FEW}, ours / azureml", found, at_most=1 / 8)
    found = _ratio(rate("comal", _FEW), rate(FLOOR, _FEW))
    yield Bar(f"requests/s at {_FEW}, ours / nginx with a constant", found)
    yield from _start(figures, "comal")


def _cnn(figures: Figures) -> Iterator[Bar]:
    rate = figures.rate
    for runtime in ("onnx", "litert"):
        for kind in ("fp32", "uint8"):
            cpu = figures.cpu(f"comal {kind} {runtime}", _FEW)
            found = _ratio(cpu, figures.floor(runtime))
            text = f"CPU per request, ours ({kind}) / forward pass of {runtime}"
            yield Bar(text, found, at_most=1.15)
    fastest = max(rate(f"comal {kind} litert", _FEW) or 0 for kind in ("fp32", "uint8"))
    found = _ratio(fastest, rate("triton binary", _FEW))
    yield Bar("requests/s, ours binary / triton binary", found, at_least=2.5)
    found = _ratio(rate("comal json litert", _FEW), rate("mlserver", _FEW))
    yield Bar("requests/s, ours v2 JSON / mlserver v2 JSON", found, at_least=4)
    found = _ratio(fastest, rate("azureml+keras", _FEW))
    yield Bar("requests/s, ours / azureml with Keras", found, at_least=200)
    yield from _start(figures, "comal uint8 litert")


def _start(figures: Figures, name: str) -> Iterator[Bar]:
    first = figures.first_answer
    yield Bar("first answer, azureml / ours", _ratio(first("azureml"), first(name)), at_least=7)
    yield Bar("seconds to our first answer", first(name), at_most=1)
    yield Bar("our megabytes", figures.megabytes(name), at_most=130)


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None
