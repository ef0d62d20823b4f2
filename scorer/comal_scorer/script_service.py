"""A user's script as a service: which one, and what it answers in which dialect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from comal_scorer import contract
from comal_scorer.artifact import check_path
from comal_scorer.assembly import UNNAMED, Service
from comal_scorer.codec.schemas import ContractSchemas
from comal_scorer.model_card import ModelCard, model_invalid
from comal_scorer.protocol.azure_ml import AzureMl
from comal_scorer.protocol.exchange import Dialect, Page, Route
from comal_scorer.protocol.openapi import openapi_pages
from comal_scorer.protocol.script_route import ScriptRoute
from comal_scorer.protocol.strict import Strict
from comal_scorer.script.pool import ScriptPlan, ScriptPool
from comal_scorer.settings import Settings

# Each worker has one request in hand; this many more may wait for it.
_WAITING_PER_WORKER = 15


def script_service(
    settings: Settings, card: ModelCard, workers: int, moved: Callable[[int], object]
) -> Service:
    """Return the service; `moved` counts requests in flight.

    Raises `TerminationError` (ModelInvalid) when the script cannot serve.
    """
    folder = settings.model_dir
    sample = folder / card.samples if card.samples and card.contract == "script" else None
    plan = ScriptPlan(_entry(settings, card), folder, sample)
    most = settings.max_in_flight or workers * (1 + _WAITING_PER_WORKER)
    pool = ScriptPool(plan, workers, seconds=settings.script_seconds, most=most, moved=moved)
    dialect: Dialect = Strict()
    if settings.mode is contract.Mode.AML_V1:
        dialect = AzureMl(declared=pool.ready.declared)
    declared = pool.ready
    example = declared.input_schema.get("example")
    schemas = ContractSchemas(declared.input_schema, declared.output_schema, example)

    def pages(ready: Callable[[], bool]) -> dict[str, Page]:
        del ready
        name, version = settings.model_name or UNNAMED, settings.model_version
        return openapi_pages(name, version, schemas, (), settings.mode)

    return Service(
        routes={contract.SCORE_PATH: Route(ScriptRoute(pool), dialect)},
        pages=pages,
        elsewhere=lambda _: dialect,
        ready=lambda: pool.alive > 0,
        close=pool.close,
    )


def _entry(settings: Settings, card: ModelCard) -> Path:
    if settings.script != contract.SCRIPT_OF_MODEL:
        return Path(settings.script).resolve()
    if card.contract != "script" or not card.file:
        raise model_invalid(
            f"{contract.SCRIPT_ENV} says `model`, but model.yaml has contract {card.contract}; "
            "write contract: script and file: the script's path"
        )
    return settings.model_dir.resolve() / check_path(card.file, "model.yaml file")
