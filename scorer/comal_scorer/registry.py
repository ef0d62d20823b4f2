"""Read-only access to an OCI registry over plain HTTP: manifests and blobs by digest."""

from __future__ import annotations

import http.client
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import TypeVar, cast
from urllib.parse import urlsplit

from comal_scorer.artifact import MAX_MANIFEST_BYTES
from comal_scorer.contract import MANIFEST_MEDIA_TYPE, TerminationReason
from comal_scorer.failure import TerminationError

T = TypeVar("T")

_NOT_FOUND = 404
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class _TransientError(Exception):
    """The registry may answer better in a moment."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A registry must not be able to send the scorer to another address."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        """Refuse; urllib then reports the 3xx as an error."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an unreachable registry is tried: seconds in all, the first and longest pause."""

    deadline: float = 120.0
    first_pause: float = 0.25
    longest_pause: float = 8.0
    socket_timeout: float = 15.0


@dataclass(frozen=True, slots=True)
class Registry:
    """One repository of one registry."""

    url: str
    repository: str
    patience: Patience = Patience()
    # No proxy from the environment: the registry is inside the cluster.
    _opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(
            urllib.request.ProxyHandler({}), _NoRedirect()
        )
    )

    def manifest(self, digest: str) -> bytes:
        """Return the manifest's bytes, unproved; raises `TerminationError`."""

        def read(body: HTTPResponse) -> bytes:
            content = body.read(MAX_MANIFEST_BYTES + 1)
            if len(content) <= MAX_MANIFEST_BYTES:
                refuse_broken_stream(body)
            return content

        path = f"manifests/{digest}"
        return self._get(path, read, {"accept": MANIFEST_MEDIA_TYPE})

    def blob(self, digest: str, receive: Callable[[HTTPResponse], T]) -> T:
        """Return what `receive` makes of the blob's stream; it is called again after a break."""
        return self._get(f"blobs/{digest}", receive, {})

    def _get(self, path: str, receive: Callable[[HTTPResponse], T], headers: dict[str, str]) -> T:
        url = f"{self.url.rstrip('/')}/v2/{self.repository}/{path}"
        started = time.monotonic()
        pause = self.patience.first_pause
        while True:
            try:
                with self._open(url, headers) as body:
                    return receive(body)
            except _TransientError as problem:
                if time.monotonic() - started + pause > self.patience.deadline:
                    message = f"{self.url} did not answer for {self.patience.deadline:g} s"
                    raise _unreachable(f"{message}: {problem}") from None
            # Full jitter: Pods that start together must not come back together.
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause = min(pause * 2, self.patience.longest_pause)

    @contextmanager
    def _open(self, url: str, headers: dict[str, str]) -> Iterator[HTTPResponse]:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked in `of`
        try:
            with self._opener.open(request, timeout=self.patience.socket_timeout) as body:
                yield cast("HTTPResponse", body)
        except urllib.error.HTTPError as problem:
            raise self._answered(problem.code, url) from None
        except (http.client.HTTPException, urllib.error.URLError, TimeoutError) as problem:
            raise _TransientError(str(problem) or type(problem).__name__) from None
        except ConnectionError as problem:
            raise _TransientError(str(problem)) from None

    def _answered(self, status: int, url: str) -> Exception:
        if status in _RETRIED:
            return _TransientError(f"HTTP {status}")
        if status == _NOT_FOUND:
            message = f"{url} does not exist in the registry; was the version pruned?"
            return TerminationError(TerminationReason.ARTIFACT_NOT_FOUND, message)
        return _unreachable(f"{url} answered HTTP {status}; the scorer reads without a password")


def open_registry(url: str, repository: str, patience: Patience) -> Registry:
    """Return the repository; raises `TerminationError` for an address that is none."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _unreachable(f"--url: {url!r} is no registry address; write http://host:port")
    return Registry(url, repository.strip("/"), patience)


def refuse_broken_stream(body: HTTPResponse) -> None:
    """Raise ConnectionError when the peer went away early: `read` then ends as if all were well."""
    if body.length:
        message = f"the connection ended {body.length} bytes early"
        raise ConnectionError(message)


def _unreachable(message: str) -> TerminationError:
    return TerminationError(TerminationReason.REGISTRY_UNREACHABLE, message)
