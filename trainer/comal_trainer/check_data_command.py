"""The flags of `check-data`, and how its verdict reaches the operator."""

from __future__ import annotations

from pathlib import Path

from comal_trainer.contract import RUN_DIR
from comal_trainer.contract.data import BASELINE_STATISTICS_FILE
from comal_trainer.contract.data_check import CHECK_DATA_COMMAND
from comal_trainer.flags import Commands, Flags, parameters


def declare(commands: Commands) -> None:
    """Add the command."""
    check = commands.add(CHECK_DATA_COMMAND, "check a table before anything learns it", _check_data)
    check.add_argument("--baseline", type=Path, default=Path(RUN_DIR, BASELINE_STATISTICS_FILE))
    parameters(
        check,
        {
            "data": "path of a CSV or parquet file in the workspace",
            "columns": "columns that must be there, with commas between them; else any",
            "nulls": "share of a column's cells that may be empty, 0 unless given",
            "drift": "how far mean and std may move, in earlier deviations, 0.5 unless given",
        },
    )


def _check_data(flags: Flags) -> None:
    from comal_trainer.check_data import DataRefusedError, Wanted, check_data  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    columns = [name.strip() for name in flags.text("columns", "").split(",")]
    wanted = Wanted(
        data=Path(flags.text("data", "data.csv")),
        columns=tuple(name for name in columns if name),
        nulls=flags.number("nulls", "0", 0, 1),
        drift=flags.number("drift", "0.5", 0, 1e6),
        baseline=flags.given.baseline,
    )
    try:
        report(check_data(flags.settings, wanted), flags.settings.environment)
    except DataRefusedError as refused:
        # A step of the user's run: unlike the operator's own jobs it fails, and for good.
        report(refused.answer, flags.settings.environment)
        raise
