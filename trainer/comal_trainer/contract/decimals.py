"""Numbers as the API writes them: decimal strings, which no JSON reader rounds."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from typing import Final

# More digits than any metric means, fewer than floating point noise reaches.
_DIGITS: Final = Context(prec=10)
_EXACT: Final = 2**53


def decimal_text(value: float) -> str:
    """Return a number as the decimal string of the API: `0.5`, `-3`, `1.5E-9`, `NaN`.

    Raises OverflowError for a whole number that is larger than any float.
    """
    if isinstance(value, int) and abs(value) <= _EXACT:
        return str(value)
    number = float(value)
    if not math.isfinite(number):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(number, "NaN")
    rounded = _DIGITS.create_decimal(Decimal(repr(number))).normalize()
    plain = number == 0 or 1e-6 <= abs(number) < 1e15  # else zeros fill the line
    return f"{rounded:f}" if plain else str(rounded)
