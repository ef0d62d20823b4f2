"""What a tag names at an OCI registry, asked as container runtimes ask: with a login if need be.

By requests, as in registry.py; of an Azure Container Registry by the SDK where an identity logs in
(container_registry.py).
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from comal_trainer.contract.images import HUB, ImageReason, Reference
from comal_trainer.pull_secrets import Login

# Indexes first: of an image for several platforms the index is what all nodes can run.
_KINDS: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_TIMEOUTS: Final = (4, 10)
_LARGEST: Final = 4 << 20
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PAIR: Final = re.compile(r'(\w+)="([^"]*)"')


class NotResolved(Exception):  # noqa: N818 - it is an answer, not a crash
    """A tag whose digest is not known, and why."""

    def __init__(self, reason: ImageReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def digest_at(image: Reference, login: Login | None) -> str:
    """Return what the tag names; raise NotResolved.

    Nothing of what a registry answers is repeated but its status: it may be anybody.
    """
    with requests.Session() as session:
        # With the proxy of the environment, but without its .netrc.
        session.auth = _as_it_is
        try:
            return _digest(session, image, login)
        except requests.RequestException as error:
            # Their words name proxies and ports; the kind says enough.
            text = f"{image.host} was not reached ({type(error).__name__})"
            raise NotResolved(ImageReason.UNDECIDED, text) from None


def _digest(session: requests.Session, image: Reference, login: Login | None) -> str:
    headers = {"Accept": ", ".join(_KINDS)}
    answer = _ask(session, "HEAD", image, headers)
    if answer.status_code == 401:
        headers["Authorization"] = _authorization(session, image, login, answer)
        answer = _ask(session, "HEAD", image, headers)
    if answer.status_code == 200:
        told = answer.headers.get("Docker-Content-Digest", "")
        return told if _DIGEST.fullmatch(told) else _counted(session, image, headers)
    if answer.status_code == 404:
        raise NotResolved(ImageReason.NOT_FOUND, f"{image.host} has no such image")
    if answer.status_code in (401, 403):
        raise _denied(image, login, answer.status_code)
    text = f"{image.host} answered HTTP {answer.status_code}"
    raise NotResolved(ImageReason.UNDECIDED, text)


def _counted(session: requests.Session, image: Reference, headers: dict[str, str]) -> str:
    """Return the digest of the manifest's bytes, for a registry that does not tell it."""
    answer = _ask(session, "GET", image, headers)
    if answer.status_code != 200 or len(answer.content) > _LARGEST:
        text = f"{image.host} did not tell its digest"
        raise NotResolved(ImageReason.UNDECIDED, text)
    return f"sha256:{hashlib.sha256(answer.content).hexdigest()}"


def _ask(
    session: requests.Session, method: str, image: Reference, headers: dict[str, str]
) -> requests.Response:
    # As container runtimes do: http only where nothing leaves the machine.
    scheme = "http" if image.is_local else "https"
    host = f"registry-1.{HUB}" if image.host == HUB else image.host
    url = f"{scheme}://{host}/v2/{image.repository}/manifests/{image.tag}"
    return session.request(method, url, headers=headers, timeout=_TIMEOUTS)


def _authorization(
    session: requests.Session, image: Reference, login: Login | None, answer: requests.Response
) -> str:
    kind, _, rest = answer.headers.get("WWW-Authenticate", "").partition(" ")
    if kind.lower() == "basic" and login is not None and login.password:
        pair = f"{login.username}:{login.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    if kind.lower() != "bearer":
        raise _denied(image, login, 401)
    return f"Bearer {_token(session, image, login, dict(_PAIR.findall(rest)))}"


def _token(
    session: requests.Session, image: Reference, login: Login | None, asked: dict[str, str]
) -> str:
    """Return the token that the registry wants, from whom it names."""
    realm = asked.get("realm", "")
    if urlsplit(realm).scheme != "https" and not image.is_local:
        text = f"{image.host} names no safe address to log in at"
        raise NotResolved(ImageReason.UNDECIDED, text)
    scope = asked.get("scope") or f"repository:{image.repository}:pull"
    form: dict[str, Any] = {"service": asked.get("service", ""), "scope": scope}
    if login is not None and login.identity_token:
        form |= {
            "grant_type": "refresh_token",
            "refresh_token": login.identity_token,
            "client_id": "comal",
        }
        answer = session.post(realm, data=form, timeout=_TIMEOUTS, allow_redirects=False)
    else:
        known = None if login is None else (login.username, login.password)
        answer = session.get(
            realm, params=form, auth=known, timeout=_TIMEOUTS, allow_redirects=False
        )
    if answer.status_code in (400, 401, 403):
        raise _denied(image, login, answer.status_code)
    try:
        told = answer.json()
        token = told.get("token") or told.get("access_token")
    except (ValueError, AttributeError):
        token = None
    if answer.status_code != 200 or not token:
        text = f"the login of {image.host} answered HTTP {answer.status_code}"
        raise NotResolved(ImageReason.UNDECIDED, text)
    return str(token)


def _denied(image: Reference, login: Login | None, status: int) -> NotResolved:
    as_whom = "without a login" if login is None else "with the login of the pull secret"
    text = f"{image.host} answered HTTP {status} {as_whom}"
    return NotResolved(ImageReason.DENIED, text)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
