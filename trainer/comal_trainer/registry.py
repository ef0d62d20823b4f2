"""Writing to an OCI distribution registry: blobs, a manifest, and proof that they arrived.

By requests rather than oras, whose client reads every file into memory, waits without a limit
and does not try again when a registry answers 502 or 503.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests

from comal_trainer.artifact import Blob, blob_of
from comal_trainer.contract import MANIFEST_MEDIA_TYPE, Reason
from comal_trainer.failure import JobFailure, UnavailableError

Content = Callable[[], AbstractContextManager[BinaryIO | bytes]]

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_TIMEOUTS = (10, 60)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a registry that does not answer is asked, and the first pause in seconds."""

    attempts: int = 6
    pause: float = 0.5


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository of one registry, with the account that may write to it."""

    url: str
    name: str
    account: tuple[str, str] | None = None
    patience: Patience = Patience()
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        """Keep proxies and .netrc of the environment out of it: the registry is in the cluster."""
        self.session.trust_env = False
        self.session.auth = self.account

    def push_blob(self, blob: Blob, content: Content) -> bool:
        """Upload a blob unless it is there; return whether it was sent.

        Raises JobFailure when refused, UnavailableError when nobody answers.
        """
        if self._ask("HEAD", f"blobs/{blob.digest}", accepted=(200, 404)).status_code == 200:
            return False
        # A new session for every attempt: a registry may forget half of an upload.
        self._patiently(f"upload of {blob.digest}", lambda: self._upload(blob, content))
        return True

    def push_manifest(self, manifest: bytes, tag: str) -> None:
        """Put a manifest under a tag; raise as push_blob does."""
        headers = {"Content-Type": MANIFEST_MEDIA_TYPE}
        self._ask("PUT", f"manifests/{tag}", accepted=(201,), data=manifest, headers=headers)

    def manifest_digest(self, reference: str) -> str:
        """Return the digest of the manifest's bytes as they come back from the registry."""
        headers = {"Accept": MANIFEST_MEDIA_TYPE}
        answer = self._ask("GET", f"manifests/{reference}", accepted=(200,), headers=headers)
        return blob_of(answer.content).digest

    def _upload(self, blob: Blob, content: Content) -> requests.Response:
        begun = self._send("POST", self._address("blobs/uploads/"), (202,))
        place = urljoin(self.url, begun.headers.get("Location", ""))
        if urlsplit(place).netloc != urlsplit(self.url).netloc:
            raise _refused(f"{self.url} sends uploads to another host: {place[:200]}")
        place += ("&" if urlsplit(place).query else "?") + f"digest={blob.digest}"
        with content() as data:
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(blob.size),
            }
            # An empty file object would be sent chunked, which registries refuse.
            body = data if blob.size else b""
            return self._send("PUT", place, (201,), data=body, headers=headers)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        accepted: tuple[int, ...],
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        def send() -> requests.Response:
            return self._send(method, self._address(path), accepted, data=data, headers=headers)

        return self._patiently(f"{method} {path}", send)

    def _address(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/v2/{self.name}/{path}"

    def _send(
        self,
        method: str,
        url: str,
        accepted: tuple[int, ...],
        *,
        data: BinaryIO | bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        try:
            # A redirect could take the password to another host.
            answer = self.session.request(
                method,
                url,
                data=data,
                headers=headers,
                timeout=_TIMEOUTS,
                allow_redirects=False,
            )
        except (requests.ConnectionError, requests.Timeout, OSError) as error:
            raise UnavailableError(f"{self.url}: {error!s:.200}") from None
        except requests.RequestException as error:
            raise _refused(f"{self.url}: {error!s:.200}") from None
        if answer.status_code in accepted:
            return answer
        told = f"{method} answered HTTP {answer.status_code} {answer.text[:200].strip()}"
        if answer.status_code in _PASSING:
            raise UnavailableError(f"{self.url}: {told}")
        raise _refused(f"{self.url}, repository {self.name}: {told}")

    def _patiently(self, what: str, send: Callable[[], requests.Response]) -> requests.Response:
        for attempt in range(1, self.patience.attempts + 1):
            try:
                return send()
            except UnavailableError as error:
                if attempt == self.patience.attempts:
                    raise
                print(f"{what}: attempt {attempt} failed, trying again: {error}", flush=True)
                pause = self.patience.pause * 2 ** (attempt - 1)
                time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads, not a secret
        raise UnavailableError(f"{what}: no attempt was allowed")


def bytes_content(content: bytes) -> Content:
    """Return bytes in memory as the content of a blob."""
    return lambda: nullcontext(content)


def _refused(message: str) -> JobFailure:
    return JobFailure(Reason.REGISTRY_REFUSED, message)
