"""`notify`: one CloudEvent to one webhook. What it prints never holds the webhook's address."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import certifi

from comal_trainer.failure import UnavailableError, UserError
from comal_trainer.webhook_address import Address, is_allowed, read_address, resolved

_ATTEMPTS = 5
_PATIENCE = 10.0
_HEADERS = {
    "Content-Type": "application/cloudevents+json; charset=utf-8",
    "User-Agent": "comal",
    "Connection": "close",
}
# What another attempt may change, although the receiver has answered.
_PASSING = (408, 425, 429)


def notify(
    event: Mapping[str, Any],
    url: str,
    *,
    allowed: Callable[[str], bool] = is_allowed,
    pause: float = 1.0,
) -> None:
    """Send the event, again after each passing fault: pauses of 1, 2, 4 and 8 seconds.

    Raises UserError when no attempt would help, UnavailableError when these did not.
    """
    address = read_address(url)
    body = json.dumps(event, ensure_ascii=False).encode()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            status = _post(address, body, allowed)
        except UnavailableError as fault:
            if attempt == _ATTEMPTS:
                raise
            print(f"attempt {attempt}: {fault}; trying again", flush=True)
            time.sleep(pause * 2 ** (attempt - 1))
        else:
            print(f"{event.get('type')} was taken with HTTP {status}", flush=True)
            return


def _post(address: Address, body: bytes, allowed: Callable[[str], bool]) -> int:
    """Return the status of a webhook that took it; what it says beside is nobody's business."""
    ip = resolved(address, allowed)
    connection = http.client.HTTPConnection(address.host, address.port, timeout=_PATIENCE)
    try:
        plain = socket.create_connection((ip, address.port), timeout=_PATIENCE)
        connection.sock = plain
        if address.is_secure:
            connection.sock = _context().wrap_socket(plain, server_hostname=address.host)
        connection.request("POST", address.path, body, {**_HEADERS, "Host": _host(address)})
        status = connection.getresponse().status
    except ssl.SSLCertVerificationError as error:
        raise UserError(f"the webhook's certificate is not trusted: {_why(error)}") from None
    except (OSError, http.client.HTTPException) as error:
        # Without its words: some repeat the address.
        raise UnavailableError(f"the webhook did not answer ({type(error).__name__})") from None
    finally:
        connection.close()
    return _judged(status)


def _judged(status: int) -> int:
    if status < 300:
        return status
    if status < 400:
        text = f"the webhook answered HTTP {status}, a redirect, which is not followed"
        raise UserError(f"{text}: write the final address into the Secret")
    if status < 500 and status not in _PASSING:
        raise UserError(f"the webhook refused it with HTTP {status}")
    raise UnavailableError(f"the webhook answered HTTP {status}")


def _context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())


def _why(error: ssl.SSLCertVerificationError) -> str:
    """Return what is wrong with a certificate, without the host that OpenSSL names."""
    return f"OpenSSL's verify code {error.verify_code}"


def _host(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    usual = 443 if address.is_secure else 80
    return host if address.port == usual else f"{host}:{address.port}"
