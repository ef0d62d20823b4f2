"""What Azure's SDKs raise, as one named reason with what to do; never their text unlooked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from requests.exceptions import ProxyError, RequestException, SSLError

from comal_trainer.contract import MAX_ERROR_CHARACTERS, JobError
from comal_trainer.contract.azure import AzureAnswer, AzureReason, Caller

_LOGIN_CODE: Final = re.compile(r"AADSTS\d{4,8}")
# No federated credential of the identity fits the token that was shown.
_NO_FEDERATION: Final = {"AADSTS70021", "AADSTS700211", "AADSTS700212", "AADSTS700213"}
_LOGIN: Final = {
    "AADSTS7000215": "the client secret is wrong: write the secret's value (not its id)",
    "AADSTS7000222": "the client secret has expired: make a new one and write it",
    "AADSTS700016": "the tenant has no application of that client id: correct one of the two",
    "AADSTS90002": "there is no such tenant: correct the tenant id",
}
# What a signature or a key would look like in a sentence of Azure's.
_SECRETS: Final = re.compile(
    r"(?i)\b(sig|accountkey|client_secret|client_assertion|password|key)=[^&;\s]+"
)
_PASSING: Final = (AzureReason.THROTTLED, AzureReason.UNAVAILABLE, AzureReason.PROXY_FAILED)
# What http.client says of a CONNECT that was not granted.
_TUNNEL: Final = re.compile(r"Tunnel connection failed: (\d{3})")
_LONGEST_WAIT: Final = 3600


class AzureFailure(Exception):  # noqa: N818 - it is an answer, not a crash
    """The end of one attempt in Azure."""

    def __init__(self, reason: AzureReason, message: str, wait: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.wait = wait

    @property
    def is_passing(self) -> bool:
        """Return whether another attempt within seconds may help."""
        return self.reason in _PASSING

    @property
    def answer(self) -> AzureAnswer:
        """Return what goes into the termination message: printable ASCII that surely fits."""
        text = str(self).encode("ascii", "replace").decode("ascii")[:MAX_ERROR_CHARACTERS]
        return AzureAnswer(error=JobError(str(self.reason), text), wait=self.wait)


def failure_of(error: BaseException, caller: Caller, doing: str) -> AzureFailure:
    """Return what an exception of the SDKs means while we were `doing` something."""
    if isinstance(error, AzureFailure):
        return error
    # azure-identity calls it a failed login as well.
    for one in _chain(error):
        if isinstance(one, RequestException) and (cut := _cut_off(one, caller, doing)):
            return cut
    for one in _chain(error):
        code = _LOGIN_CODE.search(str(one)) if isinstance(one, ClientAuthenticationError) else None
        if code is not None:
            return _login(code.group(), caller)
        if isinstance(one, DecodeError):
            return AzureFailure(AzureReason.UNAVAILABLE, f"{doing}: the answer is no JSON")
        if isinstance(one, (ServiceRequestError, ServiceResponseError)):
            # Their words name hosts and ports of proxies: the kind says enough.
            text = f"{doing}: Azure did not answer ({type(one).__name__})"
            return AzureFailure(AzureReason.UNAVAILABLE, text)
        if isinstance(one, HttpResponseError) and one.status_code is not None:
            return _refused(one, caller, doing)
        if isinstance(one, ClientAuthenticationError):
            text = f"{doing}: no token was given to {_who(caller)}"
            return AzureFailure(AzureReason.AUTH_FAILED, text)
    kind = "an AzureError" if isinstance(error, AzureError) else type(error).__name__
    return AzureFailure(AzureReason.FAILED, f"{doing}: the SDK ended with {kind}")


def _cut_off(error: RequestException, caller: Caller, doing: str) -> AzureFailure | None:
    """Return what kept us from talking with Azure at all, where a person can mend it."""
    if isinstance(error, ProxyError):
        proxy = caller.proxy or "of HTTPS_PROXY"
        answered = _TUNNEL.search(str(error))
        if answered:
            said = f"answered HTTP {answered[1]}: it must let us through, and without a login"
        else:
            said = f"is not reached: correct {caller.field}.proxy"
        return AzureFailure(AzureReason.PROXY_FAILED, f"{doing}: the proxy {proxy} {said}")
    if isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        url = error.request.url if error.request is not None else None
        host = urlsplit(url).hostname if url else "Azure"
        text = (
            f"{doing}: who answers for {host} shows a certificate of an authority that is not"
            f" trusted: give its certificate in {caller.field}.caBundle if it is your company's"
        )
        return AzureFailure(AzureReason.CERTIFICATE_UNTRUSTED, text)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and those behind it: the SDKs wrap what was said, each in its way."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        inner = one.inner_exception if isinstance(one, AzureError) else None
        one = one.__cause__ or one.__context__ or inner


def _login(code: str, caller: Caller) -> AzureFailure:
    if code in _NO_FEDERATION:
        text = (
            f"{code}: the identity {caller.client_id} has no federated credential for"
            f" {caller.subject}: add one with this subject, the cluster's OIDC issuer and the"
            " audience api://AzureADTokenExchange"
        )
    else:
        known = _LOGIN.get(code, "Entra refused the login: look the code up at login.microsoft.com")
        text = f"{code}: {known} ({_who(caller)})"
    return AzureFailure(AzureReason.AUTH_FAILED, text)


def _refused(error: HttpResponseError, caller: Caller, doing: str) -> AzureFailure:
    status, said = error.status_code or 0, _said(error)
    if status == 401:
        text = f"{doing}: Azure does not take the token of {_who(caller)}{caller.unknown}: {said}"
        return AzureFailure(AzureReason.AUTH_FAILED, text)
    if status == 403:
        text = f"{doing}: {_who(caller)} may not: give it {caller.roles}: {said}"
        return AzureFailure(AzureReason.FORBIDDEN, text)
    if status == 409:
        return AzureFailure(AzureReason.RECORD_CONFLICT, f"{doing}: {said}")
    if status == 429:
        text = f"{doing}: Azure asks to wait: {said}"
        return AzureFailure(AzureReason.THROTTLED, text, _wait(error))
    if status in (408, 425) or status >= 500:
        text = f"{doing}: Azure answered HTTP {status}: {said}"
        return AzureFailure(AzureReason.UNAVAILABLE, text, _wait(error))
    return AzureFailure(AzureReason.REFUSED, f"{doing}: Azure answered HTTP {status}: {said}")


def _said(error: HttpResponseError) -> str:
    """Return code and sentence of Azure's error object, short and without what looks secret."""
    # Azure ML says one error, a registry has a list of them.
    several = getattr(getattr(error, "model", None), "errors", None) or [None]
    inner = getattr(error, "error", None) or several[0]
    code = str(getattr(inner, "code", None) or "no code")
    text = str(getattr(inner, "message", None) or "no more was said").splitlines()[0]
    return _SECRETS.sub(r"\1=…", f"{code}: {text}")[:300]


def _wait(error: HttpResponseError) -> int:
    headers = getattr(error.response, "headers", None) or {}
    text = str(headers.get("Retry-After", "")).strip()
    # A date is legal as well: our own back-off is good enough then.
    return min(int(text), _LONGEST_WAIT) if text.isdigit() else 0


def _who(caller: Caller) -> str:
    if caller.client_id:
        return f"{caller.client_id}, as {caller.subject}"
    return f"the service principal of Secret {caller.secret}"
