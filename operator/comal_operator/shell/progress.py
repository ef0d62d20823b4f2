"""Hears how far running steps are: `POST /v1/progress`, on a port of its own.

Every replica listens, so that the one that takes over knows already; only the leader writes it
down. What a step says is kept in memory and reaches the status by an ordinary look at the run.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web

from comal_operator.core.names import FIELD_MANAGER, LABEL_STEP, LABEL_TRAINING_RUN, MANAGED_BY
from comal_operator.shell import metrics
from comal_operator.shell.cache import Cache, ObjectKey
from comal_operator.shell.faults import ApiFaultError, RefusedError
from comal_operator.shell.hearing import Wake
from comal_operator.shell.pod_tokens import Bearer, PodTokens, UntrustedTokenError
from comal_operator.shell.reports import Reports
from comal_trainer.contract import ContractError
from comal_trainer.contract.progress import MAX_REPORT_BYTES, PROGRESS_PATH, Report

# A client that sends its few bytes slowly must not hold a connection for ever.
_PATIENCE = 10.0

log = logging.getLogger(__name__)


class _AnswerError(Exception):
    """What to answer in the place of thanks."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Pace:
    """Lets each Pod report twice a second, and a handful at once."""

    def __init__(
        self,
        *,
        per_second: float = 2.0,
        burst: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, pod_uid: str) -> bool:
        """Return whether the Pod may report now, and count it."""
        now = self._clock()
        left, at = self._left.get(pod_uid, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        self._left[pod_uid] = (max(0.0, left - 1.0), now)
        self._left.move_to_end(pod_uid)
        if len(self._left) > 10_000:
            self._left.popitem(last=False)
        return left >= 1.0


class ProgressServer:
    """Takes reports of Pods that prove who they are, and wakes their run."""

    def __init__(
        self,
        *,
        tokens: PodTokens,
        cache: Cache,
        reports: Reports,
        wake: Wake,
        pace: Pace | None = None,
    ) -> None:
        self._tokens = tokens
        self._cache = cache
        self._reports = reports
        self._wake = wake
        self._pace = pace or Pace()

    async def start(self, *, host: str, port: int) -> web.AppRunner:
        """Listen, and return what `cleanup` ends."""
        app = web.Application(client_max_size=MAX_REPORT_BYTES)
        app.router.add_post(PROGRESS_PATH, self._hear)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        return runner

    async def _hear(self, request: web.Request) -> web.Response:
        try:
            await self._take(request)
        except _AnswerError as answer:
            metrics.PROGRESS_REPORTS.labels(str(answer.status.value)).inc()
            return web.Response(status=answer.status, text=f"{answer}\n")
        metrics.PROGRESS_REPORTS.labels("204").inc()
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _take(self, request: web.Request) -> None:
        bearer = await self._bearer(request)
        run = self._run_of(bearer)
        if not self._pace.allows(bearer.pod_uid):
            raise _AnswerError(HTTPStatus.TOO_MANY_REQUESTS, "report at most twice a second")
        try:
            async with asyncio.timeout(_PATIENCE):
                report = Report.decode(await request.read())
        except (TimeoutError, ConnectionError):
            # Whoever hung up hears no answer; the log need not tell of it either.
            raise _AnswerError(HTTPStatus.REQUEST_TIMEOUT, "the report did not come") from None
        except web.HTTPRequestEntityTooLarge:
            text = f"a report has at most {MAX_REPORT_BYTES} bytes: send fewer metrics"
            raise _AnswerError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text) from None
        except ContractError as error:
            raise _AnswerError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        if self._reports.keep(bearer.pod_uid, report):
            self._wake(run)

    async def _bearer(self, request: web.Request) -> Bearer:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            text = "send the projected token as `Authorization: Bearer …`"
            raise _AnswerError(HTTPStatus.UNAUTHORIZED, text)
        try:
            return await self._tokens.bearer(token.strip())
        except UntrustedTokenError as error:
            raise _AnswerError(HTTPStatus.UNAUTHORIZED, str(error)) from None
        except RefusedError as error:
            log.warning("progress: tokens cannot be verified: %s", error)
            text = "the operator may not verify tokens: give it the right (docs/operations.md)"
            raise _AnswerError(HTTPStatus.SERVICE_UNAVAILABLE, text) from None
        except ApiFaultError as error:
            text = f"the token cannot be verified now: {error}"
            raise _AnswerError(HTTPStatus.SERVICE_UNAVAILABLE, text) from None

    def _run_of(self, bearer: Bearer) -> ObjectKey:
        pod = self._cache.get(ObjectKey("Pod", bearer.namespace, bearer.pod))
        meta = pod["metadata"] if pod else {}
        labels = meta.get("labels") or {}
        ours = labels.get(MANAGED_BY) == FIELD_MANAGER and LABEL_STEP in labels
        if meta.get("uid") != bearer.pod_uid or not ours or LABEL_TRAINING_RUN not in labels:
            text = f"Pod {bearer.pod} is no step of a TrainingRun that this operator watches"
            raise _AnswerError(HTTPStatus.FORBIDDEN, text)
        return ObjectKey("TrainingRun", bearer.namespace, labels[LABEL_TRAINING_RUN])
