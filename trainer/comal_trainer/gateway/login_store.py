"""Any OCI registry, with a user and password or as nobody.

By requests rather than oras, whose client reads every blob into memory and waits without a limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import HTTPBasicAuth

from comal_trainer.artifact import Blob, blob_of
from comal_trainer.contract import MANIFEST_MEDIA_TYPE
from comal_trainer.contract.gateway import StoreReason, Upstream
from comal_trainer.gateway.store import MAX_MANIFEST_BYTES, PROBE, StoreFailure, not_found

_TIMEOUTS: Final = (10, 60)
_PIECE: Final = 1 << 18
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHALLENGE: Final = re.compile(r'(\w+)="([^"]*)"')

Account = Callable[[], tuple[str, str] | None]


class LoginStore:
    """One registry; it is asked with what its own challenge wants of us."""

    def __init__(self, upstream: Upstream, account: Account) -> None:
        self._upstream = upstream
        self._account = account
        # By scope; what a challenge taught holds until it is refused.
        self._logins: dict[str, Any] = {}

    def check(self) -> None:
        """See that the login is taken."""
        answer = self._ask("GET", f"{self._upstream.path}/{PROBE}/manifests/check", (200, 404))
        answer.close()

    def has(self, repository: str, digest: str) -> bool:
        """Return whether the blob is there."""
        return self._ask("HEAD", f"{repository}/blobs/{digest}", (200, 404)).status_code == 200

    def put_blob(self, repository: str, blob: Blob, body: IO[bytes]) -> None:
        """Copy the body as it comes; the registry proves the digest."""
        begun = self._ask("POST", f"{repository}/blobs/uploads/", (202,), push=True)
        place = urljoin(self._address(""), begun.headers.get("Location", ""))
        if urlsplit(place).netloc != self._upstream.host:
            text = f"{self._upstream.host} sends uploads to another host: {place:.200}"
            raise StoreFailure(StoreReason.REFUSED, text, status=503)
        place += ("&" if urlsplit(place).query else "?") + f"digest={blob.digest}"
        kind = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
        # An empty file object would be sent chunked, which registries refuse.
        data = body if blob.size else b""
        self._ask("PUT", place, (201,), headers=kind, data=data, repository=repository, push=True)

    @contextmanager
    def blob(self, repository: str, digest: str) -> Iterator[Iterator[bytes]]:
        """Give the blob's bytes; where the registry sends us for them the login does not go."""
        answer = self._ask("GET", f"{repository}/blobs/{digest}", (200, 404), stream=True)
        with answer:
            if answer.status_code == 404:
                raise not_found(digest)
            yield self._pieces(answer)

    def _pieces(self, answer: requests.Response) -> Iterator[bytes]:
        try:
            yield from answer.iter_content(_PIECE)
        except (requests.RequestException, OSError) as error:
            raise _away(self._upstream.host, error) from None

    def put_manifest(self, repository: str, tag: str, manifest: bytes) -> str:
        """Return the digest of the manifest under its tag."""
        kind = {"Content-Type": MANIFEST_MEDIA_TYPE}
        path = f"{repository}/manifests/{tag}"
        self._ask("PUT", path, (201,), headers=kind, data=manifest, push=True)
        return blob_of(manifest).digest

    def manifest(self, repository: str, reference: str) -> bytes:
        """Return a manifest's own bytes."""
        kind = {"Accept": MANIFEST_MEDIA_TYPE}
        path = f"{repository}/manifests/{reference}"
        with self._ask("GET", path, (200, 404), headers=kind, stream=True) as answer:
            if answer.status_code == 404:
                raise not_found(f"manifest {reference}")
            body = next(answer.iter_content(MAX_MANIFEST_BYTES + 1), b"")
        if len(body) > MAX_MANIFEST_BYTES:
            raise StoreFailure("ManifestInvalid", f"manifest {reference} is too large", status=404)
        return body

    def _address(self, path: str) -> str:
        return f"https://{self._upstream.host}/v2/{path}"

    def _ask(
        self,
        method: str,
        path: str,
        accepted: tuple[int, ...],
        *,
        repository: str = "",
        push: bool = False,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> requests.Response:
        url = path if path.startswith("https://") else self._address(path)
        name = repository or re.split(r"/(?:blobs|manifests)/", path)[0]
        scope = f"repository:{name}:{'pull,push' if push else 'pull'}"
        answer = self._send(method, url, self._logins.get(scope), headers=headers, **options)
        # A body that is a stream is sent once: what came before it has the login already.
        if answer.status_code == 401 and not hasattr(options.get("data"), "read"):
            challenge = answer.headers.get("WWW-Authenticate", "")
            answer.close()
            self._learn(challenge, scope)
            answer = self._send(method, url, self._logins.get(scope), headers=headers, **options)
        if answer.status_code in accepted:
            return answer
        with answer:
            raise self._refused(answer, f"{method} {name}")

    def _learn(self, challenge: str, scope: str) -> None:
        """Do what the registry's challenge says; raise StoreFailure where it takes no login."""
        account = self._account()
        kind, _, rest = challenge.partition(" ")
        basic = HTTPBasicAuth(*account) if account else None
        if kind.lower() != "bearer":
            self._logins[scope] = basic
            return
        said = dict(_CHALLENGE.findall(rest))
        realm = said.get("realm", "")
        if urlsplit(realm).scheme != "https":
            text = f"{self._upstream.host} sends logins to {realm:.200}, which is not https"
            raise StoreFailure(StoreReason.REFUSED, text, status=503)
        query = {"service": said.get("service", ""), "scope": scope}
        answer = self._send("GET", realm, basic, params=query)
        with answer:
            if answer.status_code != 200:
                raise self._refused(answer, "login")
            try:
                given = answer.json()
                token = str(given.get("token") or given["access_token"])
            except (ValueError, KeyError, AttributeError):
                text = f"{self._upstream.host}: the login's answer has no token"
                raise StoreFailure(StoreReason.REFUSED, text, status=503) from None
        self._logins[scope] = _Bearer(token)

    def _send(self, method: str, url: str, login: Any, **options: Any) -> requests.Response:
        given = {"timeout": _TIMEOUTS, "auth": login or _NO_LOGIN, **options}
        if method not in ("GET", "HEAD"):
            given["allow_redirects"] = False
        try:
            return requests.request(method, url, **given)  # noqa: S113 - the timeout is in `given`
        except (requests.RequestException, OSError) as error:
            raise _away(self._upstream.host, error) from None

    def _refused(self, answer: requests.Response, doing: str) -> StoreFailure:
        status, host = answer.status_code, self._upstream.host
        said = " ".join(answer.text[:200].split())
        told = f"{host}, {doing}: HTTP {status} {said}"
        if status in (401, 403):
            who = f"Secret {self._upstream.login}" if self._upstream.login else "nobody"
            text = f"{told}: it does not let {who} do this; correct store.oci.credential"
            return StoreFailure(StoreReason.LOGIN_REFUSED, text, status=503)
        if status in _PASSING:
            return StoreFailure(StoreReason.UNAVAILABLE, told, status=503, is_passing=True)
        return StoreFailure(StoreReason.REFUSED, told, status=404 if status == 404 else 400)


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


# Without one requests would look for a .netrc.
_NO_LOGIN: Final = _no_login


def _away(host: str, error: BaseException) -> StoreFailure:
    text = f"{host} does not answer: {type(error).__name__}"
    if isinstance(error, requests.exceptions.SSLError):
        text = (
            f"{host} shows a certificate of an authority that is not trusted: give it in"
            " store.oci.caBundle if it is your company's"
        )
        return StoreFailure(StoreReason.REFUSED, text, status=503)
    return StoreFailure(StoreReason.UNAVAILABLE, text, status=503, is_passing=True)
