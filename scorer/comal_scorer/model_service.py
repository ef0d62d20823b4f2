"""A loaded model as a service: its contract at /score, the Open Inference Protocol beside it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from comal_scorer import contract
from comal_scorer.assembly import UNNAMED, Service
from comal_scorer.codec.data_matrix import DataMatrix
from comal_scorer.codec.image_url import ImageUrl
from comal_scorer.codec.infer_request import InferRequestReader
from comal_scorer.codec.ints_list import IntsList
from comal_scorer.codec.schemas import contract_schemas
from comal_scorer.collection.collector import Collector, Plan
from comal_scorer.collection.layout import Place
from comal_scorer.limits.admission import Admission, queue_length
from comal_scorer.measurements import Measurements
from comal_scorer.protocol.azure_ml import AzureMl, QueryAsBody
from comal_scorer.protocol.exchange import Dialect, Endpoint, Page, Route
from comal_scorer.protocol.open_inference import (
    PREFIX,
    InferRoute,
    OpenInference,
    metadata_pages,
    model_paths,
)
from comal_scorer.protocol.openapi import openapi_pages
from comal_scorer.protocol.picture_route import PictureRoute
from comal_scorer.protocol.score_route import ScoreRoute
from comal_scorer.protocol.strict import Strict
from comal_scorer.runtime.batching import BATCH, BatchingModel
from comal_scorer.scoring import PICTURE_CONTRACTS, Scorer
from comal_scorer.settings import Settings


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker process has of the container: a number, and threads."""

    worker: int
    workers: int
    threads: int


def model_service(
    settings: Settings, scorer: Scorer, share: Share, measurements: Measurements
) -> Service:
    """Return the service of one worker; its threads run what may not hold others."""
    most = settings.max_in_flight or queue_length(scorer.seconds, share.threads)
    threads = share.threads
    if scorer.batched:
        scorer = replace(scorer, model=BatchingModel(scorer.model, threads))
        # A thread waits for each row of a batch; the predicting is done by as many as cores.
        threads *= BATCH
    admission = Admission(
        inline=scorer.inline,
        threads=threads,
        most=max(1, most // share.workers),
        moved=measurements.move_in_flight,
    )
    dialect, score = _in_mode(settings.mode, scorer, _score_route(settings, scorer, admission))
    routes = {contract.SCORE_PATH: Route(score, dialect)}
    name, version = settings.model_name or UNNAMED, settings.model_version
    paths = model_paths(name, version)
    inference = OpenInference()
    infer = InferRoute(scorer.model, name, version, _reader(scorer), admission)
    for path in paths:
        routes[f"{path}/infer"] = Route(infer, inference)
    schemas = contract_schemas(scorer.model.input, scorer.card)

    def pages(ready: Callable[[], bool]) -> dict[str, Page]:
        described = openapi_pages(name, version, schemas, paths, settings.mode)
        return described | metadata_pages(scorer.model, name, version, ready)

    collector = _collector(settings, scorer, share.worker, measurements.drop_collected)
    return Service(
        routes=routes,
        pages=pages,
        elsewhere=lambda path: inference if path.startswith(PREFIX) else dialect,
        collector=collector,
    )


def _collector(
    settings: Settings, scorer: Scorer, worker: int, drop: Callable[[int], object]
) -> Collector | None:
    asked = settings.collection
    if asked is None:
        return None
    place = Place(
        root=asked.folder,
        workspace=asked.workspace,
        service=asked.service,
        model=settings.model_name,
        version=settings.model_version,
        instance=f"{socket.gethostname()}-{worker}" if worker else socket.gethostname(),
    )
    inputs = scorer.card.signature.inputs
    columns = inputs[0].columns if inputs else ()
    return Collector(Plan(place, asked.inputs, asked.predictions, asked.share, columns), drop)


def _reader(scorer: Scorer) -> InferRequestReader:
    model = scorer.model
    if isinstance(scorer.contract, PICTURE_CONTRACTS):
        pictures = scorer.contract.pictures
        return InferRequestReader(model.input, model.outputs, pictures.scaled, pictures.tensors)
    texts = None
    if isinstance(scorer.contract, IntsList) and scorer.contract.takes_texts:
        texts = scorer.contract.texts
    return InferRequestReader(model.input, model.outputs, None, texts)


def _in_mode(mode: contract.Mode, scorer: Scorer, endpoint: Endpoint) -> tuple[Dialect, Endpoint]:
    if mode is contract.Mode.STRICT:
        return Strict(), endpoint
    # Of the originals one declares its input; a body that is not JSON never reached its script.
    declared = isinstance(scorer.contract, DataMatrix)
    if "GET" not in endpoint.methods:
        endpoint = QueryAsBody(endpoint)
    return AzureMl(declared=declared), endpoint


def _score_route(settings: Settings, scorer: Scorer, admission: Admission) -> Endpoint:
    if isinstance(scorer.contract, ImageUrl):
        # Imported late: an HTTP client is a third of the start of a scorer that needs none.
        from comal_scorer.protocol.image_fetcher import ImageFetcher  # noqa: PLC0415
        from comal_scorer.protocol.image_url_route import ImageUrlRoute  # noqa: PLC0415

        seconds = settings.image_seconds
        fetcher = ImageFetcher(settings.image_urls, settings.max_body_bytes, seconds)
        return ImageUrlRoute(scorer, scorer.contract, admission, fetcher)
    if isinstance(scorer.contract, PICTURE_CONTRACTS):
        return PictureRoute(scorer, admission)
    return ScoreRoute(scorer, admission)
