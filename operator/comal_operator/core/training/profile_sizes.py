"""Which of the sizes that were tried is enough."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from comal_operator.api.model_version import RecommendedSize, SizeProfile
from comal_operator.core.children import quantity
from comal_operator.core.durations import parse_duration


def recommend(
    sizes: Sequence[SizeProfile], target: str | None
) -> tuple[RecommendedSize | None, str]:
    """Return the recommended size and why.

    The smallest that keeps to the target of 95 of 100 requests; without a target, or where none
    does, the one with the most requests a second for its CPU. One that failed a request or was
    killed is never recommended.
    """
    whole = [size for size in sizes if not size.error and not size.errors]
    if not whole:
        said = next((size.error for size in sizes if size.error), "every size failed requests")
        return None, f"no size answered all requests: {said}"[:600]
    frugal = max(whole, key=_for_its_cpu)
    if target is None:
        return _size(frugal), f"most requests a second for its CPU: {_rate(frugal)}"
    limit = Decimal(str(parse_duration(target).total_seconds() * 1000))
    enough = [size for size in whole if size.p95_ms and Decimal(size.p95_ms) <= limit]
    if not enough:
        best = min(whole, key=lambda size: Decimal(size.p95_ms or "Infinity"))
        text = f"no size answers 95 of 100 requests within {target}, the best takes {best.p95_ms}ms"
        return _size(frugal), f"{text}; most requests a second for its CPU: {_rate(frugal)}"
    smallest = min(enough, key=_smallness)
    text = f"the smallest that answers 95 of 100 requests within {target}: {smallest.p95_ms}ms"
    return _size(smallest), text


def _size(size: SizeProfile) -> RecommendedSize:
    return RecommendedSize(cpu=size.cpu, memory=size.memory)


def _for_its_cpu(size: SizeProfile) -> tuple[Decimal, Decimal]:
    cpu = quantity(size.cpu) or Decimal(1)
    return Decimal(size.requests_per_second or 0) / cpu, -(quantity(size.memory) or Decimal(0))


def _smallness(size: SizeProfile) -> tuple[Decimal, Decimal]:
    return quantity(size.cpu) or Decimal(0), quantity(size.memory) or Decimal(0)


def _rate(size: SizeProfile) -> str:
    return f"{size.requests_per_second} with {size.cpu} CPU"
