"""Whom we trust: the public authorities, and those of a company that looks into what passes."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from comal_trainer.contract.azure import Caller

# Azure's SDKs read the first, whoever opens a connection by OpenSSL's own ways the other.
_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


class AuthoritiesError(Exception):
    """The ConfigMap has no certificates; the message says what to do."""


def trust(caller: Caller, file: Path, environment: Mapping[str, str]) -> None:
    """Let the SDKs in this process trust what is in `file` as well; raise AuthoritiesError."""
    if not caller.ca_bundle:
        return
    name, _, key = caller.ca_bundle.partition("/")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        added = file.read_bytes()
    except FileNotFoundError:
        raise _missing(name, key, "it does not exist, or has no such key") from None
    except (OSError, ssl.SSLError):
        raise _missing(name, key, "what is there holds no certificate that can be read") from None
    public = Path(environment.get(_VARIABLES[0]) or DEFAULT_CA_BUNDLE_PATH).read_bytes()
    with tempfile.NamedTemporaryFile(prefix="authorities-", suffix=".pem", delete=False) as made:
        made.write(public + b"\n" + added)
    for variable in _VARIABLES:
        os.environ[variable] = made.name


def _missing(name: str, key: str, why: str) -> AuthoritiesError:
    text = f"ConfigMap {name} must have the key {key} with certificates in PEM: {why}"
    return AuthoritiesError(text)
