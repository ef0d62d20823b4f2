"""What a table's columns are like: empty cells, and the four numbers of those that hold numbers."""

from __future__ import annotations

from typing import Final

import numpy as np

from comal_trainer.contract.decimals import decimal_text
from comal_trainer.contract.statistics import Column, Statistics
from comal_trainer.table import Table

# As people and their programs write nothing.
NOTHING: Final = frozenset({"", "nan", "null", "none", "na", "n/a", "?"})


def describe(table: Table) -> Statistics:
    """Return the statistics of all columns, in the table's order."""
    columns = tuple(_column(name, table.cells(name)) for name in table.columns)
    return Statistics(rows=len(table.rows), columns=columns)


def _column(name: str, cells: list[str]) -> Column:
    filled = [cell for cell in cells if cell.strip().lower() not in NOTHING]
    nulls = len(cells) - len(filled)
    try:
        values = np.array(filled, np.float64)
    except ValueError:
        return Column(name, nulls)
    if not len(values) or not np.isfinite(values).all():
        return Column(name, nulls)
    numbers = (values.mean(), values.std(), values.min(), values.max())
    return Column(name, nulls, *(decimal_text(float(number)) for number in numbers))
