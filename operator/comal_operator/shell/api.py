"""One call to the API server as raw data: with a deadline, declared, counted, faults sorted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from kubernetes.aio.client.api_client import ApiClient

from comal_operator.core.names import FIELD_MANAGER
from comal_operator.shell import metrics
from comal_operator.shell.faults import ApiFaultError, TransientError, fault_of
from comal_operator.shell.permissions import require
from comal_operator.shell.resources import Resource

DEADLINE = 10.0

_METHODS = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
}
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, kw_only=True)
class Call:
    """What to ask of the API server; `namespace` None spans all (lists only)."""

    verb: str
    resource: Resource
    namespace: str | None
    name: str = ""
    subresource: str = ""
    query: Sequence[tuple[str, str]] = ()
    body: Any = None
    deadline: float = DEADLINE

    @property
    def target(self) -> str:
        """The resource as RBAC writes it, such as pods/log."""
        plural = self.resource.plural
        return f"{plural}/{self.subresource}" if self.subresource else plural


class Api:
    """Sends calls through the `kubernetes` package, past its models: manifests are plain data."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        client.user_agent = FIELD_MANAGER

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def send(self, call: Call) -> bytes:
        """Return the body of the answer; raise an ApiFaultError, or UndeclaredCallError."""
        require(call.verb, call.resource.group, call.target)
        started = time.perf_counter()
        outcome = "ok"
        try:
            return await self._exchange(call)
        except ApiFaultError as fault:
            outcome = type(fault).__name__.removesuffix("Error").lower()
            raise
        finally:
            metrics.API_CALLS.labels(call.verb, call.target, outcome).inc()
            metrics.API_CALL_SECONDS.labels(call.verb).observe(time.perf_counter() - started)

    async def read(self, call: Call) -> dict[str, Any]:
        """Return the answer as an object; raise as `send` does."""
        answer: dict[str, Any] = msgspec.json.decode(await self.send(call))
        return answer

    async def _exchange(self, call: Call) -> bytes:
        content = _APPLY if call.verb == "patch" else "application/json"
        method, url, headers, body, _ = await self._client.param_serialize(
            _METHODS[call.verb],
            call.resource.path(call.namespace, call.name, call.subresource),
            query_params=list(call.query),
            header_params={"Accept": "application/json", "Content-Type": content},
            body=call.body,
            auth_settings=["BearerToken"],
        )
        # The package's own default is five minutes, and it takes a bare number for less than that.
        timeout = aiohttp.ClientTimeout(total=call.deadline)
        try:
            answer = await self._client.call_api(
                method, url, headers, body, _request_timeout=timeout
            )
            data: bytes = await answer.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise TransientError(f"{call.verb} {call.target}: {reason}") from error
        if answer.status >= 400:
            raise fault_of(answer.status, data, answer.headers.get("Retry-After"))
        return data
