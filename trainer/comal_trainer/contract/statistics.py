"""What a table's columns were like: written by `check-data`, kept with the registered version.

The file in a workspace and the one that later runs find beside their parameters look alike:
{"rows": 442, "columns": [{"name": "age", "nulls": 0, "mean": 0.1, "std": 1, "min": -2, "max": 3}]}
with numbers or nothing where a column holds no numbers. Standard library only.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from comal_trainer.contract import ContractError
from comal_trainer.contract.decimals import decimal_text

MAX_COLUMNS: Final = 64
MAX_COLUMN_NAME: Final = 63
_NUMBERS: Final = ("mean", "std", "min", "max")


@dataclass(frozen=True, slots=True)
class Column:
    """One column; the four numbers are decimal strings, empty where it holds no numbers."""

    name: str
    nulls: int
    mean: str = ""
    std: str = ""
    min: str = ""
    max: str = ""


@dataclass(frozen=True, slots=True)
class Statistics:
    """The columns of a run's data, in the order of the table."""

    rows: int
    columns: tuple[Column, ...]

    @classmethod
    def read(cls, text: str | bytes) -> Self:
        """Return the statistics of a file's text; raise ContractError when it holds none."""
        try:
            value = json.loads(text)
            columns = tuple(_column(item) for item in value["columns"][:MAX_COLUMNS])
            return cls(_whole(value["rows"]), columns)
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ContractError(f"data statistics: {error!s:.200}") from error

    def to_json(self) -> str:
        """Return the file's text: numbers as numbers, nothing where there is none."""
        columns = [
            {
                name: float(value) if name in _NUMBERS else value
                for name, value in asdict(column).items()
                if value != ""
            }
            for column in self.columns
        ]
        return json.dumps({"rows": self.rows, "columns": columns}, separators=(",", ":")) + "\n"

    def packed(self, room: int) -> str:
        """Return the text, compressed, of as many columns as fit into `room` characters."""
        count = len(self.columns)
        while count:
            text = Statistics(self.rows, self.columns[:count]).to_json()
            packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
            if len(packed) <= room:
                return packed
            count -= max(1, count // 16)
        return ""

    @classmethod
    def unpacked(cls, packed: str) -> Self:
        """Return what `packed` made; raise ContractError when it did not."""
        try:
            unpack = zlib.decompressobj()
            text = unpack.decompress(base64.b64decode(packed, validate=True), 1 << 20)
        except (ValueError, zlib.error) as error:
            raise ContractError(f"data statistics: {error!s:.200}") from error
        return cls.read(text)


def _column(value: Mapping[str, Any]) -> Column:
    name = value["name"]
    if not isinstance(name, str) or not name:
        raise ContractError("a column without a name")
    numbers = {key: _number(value.get(key)) for key in _NUMBERS}
    return Column(name[:MAX_COLUMN_NAME], _whole(value.get("nulls", 0)), **numbers)


def _number(value: Any) -> str:
    """Return a number with six digits, which is what drift is judged by; nothing for none."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    short = float(f"{float(value):.6g}")
    return decimal_text(short) if short - short == 0 else ""


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ContractError(f"{value!r:.80} is not a count")
    return value
