"""Whose token this is: asked of the API server, which signed it, and remembered for a minute."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from comal_operator.shell.api import Api, Call
from comal_operator.shell.faults import TransientError
from comal_operator.shell.resources import RESOURCES

_TRUSTED_FOR = 60.0
_REFUSED_FOR = 10.0
_REMEMBERED = 10_000
_REVIEWS_AT_ONCE = 32
_LONGEST = 8192
_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"


@dataclass(frozen=True)
class Bearer:
    """The Pod that a token was made for, by the API server's word."""

    namespace: str
    pod: str
    pod_uid: str


class UntrustedTokenError(Exception):
    """The token proves nothing here; the text says what to do."""


class PodTokens:
    """Verifies projected service account tokens that are bound to a Pod and to one audience."""

    def __init__(
        self, api: Api, *, audience: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._audience = audience
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Bearer | str]] = OrderedDict()
        self._reviews = 0

    async def bearer(self, token: str) -> Bearer:
        """Return whose token it is.

        Raises UntrustedTokenError for a token that is none of ours, and TransientError (or
        RefusedError, where we may not ask) when the API server did not say.
        """
        # Kept as a digest: what lies in memory must not be worth stealing.
        digest = hashlib.sha256(token.encode()).digest()
        until, found = self._known.get(digest, (0.0, ""))
        if self._clock() >= until:
            found = await self._judge(token)
            patience = _REFUSED_FOR if isinstance(found, str) else _TRUSTED_FOR
            self._known[digest] = (self._clock() + patience, found)
            self._known.move_to_end(digest)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        if isinstance(found, str):
            raise UntrustedTokenError(found)
        return found

    async def _judge(self, token: str) -> Bearer | str:
        if not token.isascii() or not token.isprintable() or len(token) > _LONGEST:
            return "this is no service account token"
        if self._reviews >= _REVIEWS_AT_ONCE:
            raise TransientError("too many tokens are being verified")
        self._reviews += 1
        try:
            return self._read(await self._review(token))
        finally:
            self._reviews -= 1

    async def _review(self, token: str) -> Mapping[str, Any]:
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [self._audience]},
        }
        call = Call(verb="create", resource=RESOURCES["TokenReview"], namespace=None, body=review)
        status: Mapping[str, Any] = (await self._api.read(call)).get("status") or {}
        return status

    def _read(self, status: Mapping[str, Any]) -> Bearer | str:
        # A server that ignores audiences would take any token for ours: it must name it.
        if not status.get("authenticated") or self._audience not in status.get("audiences", ()):
            return f"the token is not valid for the audience {self._audience}, or has expired"
        user = status.get("user") or {}
        parts = str(user.get("username", "")).split(":")
        extra = user.get("extra") or {}
        name, uid = (extra.get(key) or [""] for key in (_POD_NAME, _POD_UID))
        if (
            len(parts) != 4
            or parts[:2] != ["system", "serviceaccount"]
            or not name[0]
            or not uid[0]
        ):
            return "the token is not bound to a Pod: use the one projected into the step's Pod"
        return Bearer(parts[2], name[0], uid[0])
