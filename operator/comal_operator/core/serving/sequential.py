"""A test that may be read at any request: is a share of failures above its bound?

The statistic is a mixture of likelihood ratios over a grid of worse rates. While the true rate is
at most the bound it is a supermartingale that starts at 1, so the chance that it ever reaches
1/risk is at most risk, however often one looks (Ville, "Etude critique de la notion de collectif",
1939; as a test: Robbins, "Statistical methods related to the law of the iterated logarithm", 1970;
for experiments that are watched: Johari, Pekelis, Walsh, "Always valid inference", 2015). Wald's
SPRT (1945) is the case of a single worse rate; it is as quick there and slow everywhere else.
"""

from __future__ import annotations

import math

# Each worse rate of the grid is twice the one before: no true rate is far from one of them.
_FACTOR = 2.0
_WORST = 0.99
_QUANTILE_99 = 2.326


def log_evidence(failures: int, total: int, bound: float) -> float:
    """Return the log of the evidence that failures come more often than `bound`.

    Zero or less speaks for the bound; `log(1 / risk)` refutes it.
    """
    if failures <= 0 or bound >= 1.0:
        return 0.0
    if bound <= 0.0:
        return math.inf
    passes = total - failures
    rates = _worse_rates(bound)
    terms = [
        failures * math.log(rate / bound) + passes * math.log((1 - rate) / (1 - bound))
        for rate in rates
    ]
    largest = max(terms)
    return largest + math.log(sum(math.exp(term - largest) for term in terms) / len(rates))


def is_above(failures: int, total: int, bound: float, risk: float) -> bool:
    """Return whether the true rate is above `bound`, wrongly at most in `risk` of all cases."""
    return log_evidence(failures, total, bound) >= math.log(1 / risk)


def highest_likely_rate(failures: int, total: int) -> float:
    """Return the rate that the true one exceeds once in a hundred times (Wilson, 1927)."""
    if total <= 0:
        return 1.0
    z, rate = _QUANTILE_99, failures / total
    centre = rate + z * z / (2 * total)
    spread = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    return min(1.0, (centre + spread) / (1 + z * z / total))


def _worse_rates(bound: float) -> list[float]:
    rates = []
    rate = bound * _FACTOR
    while rate < _WORST:
        rates.append(rate)
        rate *= _FACTOR
    return [*rates, max(_WORST, (1 + bound) / 2)]
