from __future__ import annotations

from pathlib import Path

import pytest

from comal_trainer.failure import UserError
from comal_trainer.table import read_table


def test_parquet_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(b"PAR1\x15\x04\x15rows")
    with pytest.raises(
        UserError, match="is parquet, which check-data alone reads: write it as CSV"
    ):
        read_table(tmp_path / "train.csv")
