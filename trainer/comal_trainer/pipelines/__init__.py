"""The sample pipelines: the jobs of five well-known examples, each a command with its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from comal_trainer.flags import Commands
from comal_trainer.pipelines.compliance import commands as compliance
from comal_trainer.pipelines.diabetes import commands as diabetes
from comal_trainer.pipelines.dogbreeds import commands as dogbreeds
from comal_trainer.pipelines.tacosandburritos import commands as tacosandburritos
from comal_trainer.pipelines.taxi import commands as taxi

DECLARATIONS: Final[tuple[Callable[[Commands], None], ...]] = (
    compliance.declare,
    diabetes.declare,
    dogbreeds.declare,
    tacosandburritos.declare,
    taxi.declare,
)
