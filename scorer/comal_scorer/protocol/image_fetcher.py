"""Fetches a picture that a caller points to: bounded in bytes, time, redirects and addresses."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from comal_scorer.limits.body import overloaded
from comal_scorer.limits.image_urls import ImageUrls, Location, refused
from comal_scorer.request_error import RequestError, shown

_MOST_REDIRECTS = 3
_MOST_AT_ONCE = 64
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"accept": "image/jpeg, image/png", "accept-encoding": "identity"}


class ImageFetcher:
    """Downloads pictures on the event loop; never more than `max_bytes` or `seconds` each."""

    def __init__(self, allowed: ImageUrls, max_bytes: int, seconds: float) -> None:
        """Fetch what the allow-list admits."""
        self._allowed = allowed
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._under_way = 0
        self._session: ClientSession | None = None

    async def fetch(self, url: str) -> bytes:
        """Return the picture's bytes; raises `RequestError` naming `image`."""
        location = self._allowed.check(url)
        if self._under_way >= _MOST_AT_ONCE:
            raise overloaded(f"{self._under_way} pictures are being fetched")
        self._under_way += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(location)
        except TimeoutError:
            raise _unreachable(f"it did not arrive within {self._seconds:g} s") from None
        except (ClientError, OSError, ValueError) as problem:
            raise _unreachable(shown(str(problem) or type(problem).__name__)) from None
        finally:
            self._under_way -= 1

    async def _follow(self, location: Location) -> bytes:
        for _ in range(_MOST_REDIRECTS + 1):
            if _is_literal(location.host) and not self._allowed.permits(location.host.strip("[]")):
                raise _private(location.host)
            address = _url(location)
            async with self._open().get(address, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    return await self._read(response)
                target = response.headers.get("location", "")
            location = self._allowed.check(str(address.join(URL(target, encoded=True))))
        raise _unreachable(f"it is redirected more than {_MOST_REDIRECTS} times")

    async def _read(self, response: ClientResponse) -> bytes:
        if response.status != 200:
            raise _unreachable(f"its server answers {response.status}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _unreachable("its server compresses it")
        content = bytearray()
        async for piece in response.content.iter_any():
            content += piece
            if len(content) > self._max_bytes:
                message = f"the picture behind image has more than {self._max_bytes} bytes"
                raise RequestError(413, "image-too-large", message, field="image")
        return bytes(content)

    def _open(self) -> ClientSession:
        # Made here and not at start: a session belongs to the event loop that runs.
        if self._session is None:
            connector = TCPConnector(resolver=_Resolver(self._allowed), use_dns_cache=False)
            self._session = ClientSession(
                connector=connector,
                headers=_HEADERS,
                auto_decompress=False,
                timeout=ClientTimeout(total=self._seconds),
            )
        return self._session


class _Resolver(AbstractResolver):
    """Resolves names to permitted addresses only: what is checked is what is connected to."""

    def __init__(self, allowed: ImageUrls) -> None:
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        kind = socket.SOCK_STREAM
        found: list[Any] = await loop.getaddrinfo(host, port, family=family, type=kind)
        permitted = [item for item in found if self._allowed.permits(item[4][0])]
        if not permitted:
            raise _private(host)
        return [
            ResolveResult(
                hostname=host,
                host=item[4][0],
                port=port,
                family=item[0],
                proto=item[2],
                flags=socket.AI_NUMERICHOST,
            )
            for item in permitted
        ]

    async def close(self) -> None:
        """Hold nothing open."""


def _is_literal(host: str) -> bool:
    """Return whether the connector would take the host for an address and not ask the resolver."""
    return host.startswith("[") or host.replace(".", "").isdigit()


def _url(location: Location) -> URL:
    port = "" if URL(f"{location.scheme}://h").port == location.port else f":{location.port}"
    query = f"?{location.query}" if location.query else ""
    return URL(f"{location.scheme}://{location.host}{port}{location.path}{query}", encoded=True)


def _private(host: str) -> RequestError:
    return refused(f"image: {shown(host)} is at an address that this deployment does not allow")


def _unreachable(why: str) -> RequestError:
    message = f"image cannot be fetched: {why}"
    return RequestError(422, "image-unreachable", message, field="image")
