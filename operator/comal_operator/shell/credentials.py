"""New logins of a registry and keys of callers; nobody chooses them, we never read them back."""

from __future__ import annotations

import base64
import secrets
from typing import Any

import bcrypt

from comal_operator.core.plan import CreateCredentials, Credentials
from comal_operator.core.serving.keys import KEYS

_USER = "comal"


def with_credentials(action: CreateCredentials) -> dict[str, Any]:
    """Return the Secret of `action` with what it asks for."""
    is_login = action.credentials is Credentials.LOGIN
    found = _login() if is_login else {key: secrets.token_urlsafe(32) for key in KEYS}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in found.items()}
    return {**action.manifest, "data": data}


def _login() -> dict[str, str]:
    password = secrets.token_urlsafe(32)
    # Slow hashes protect words that can be guessed. Nobody guesses 32 random bytes, and a registry
    # hashes with each request: a push of nine files would cost it more than half a second.
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()
    return {"username": _USER, "password": password, "htpasswd": f"{_USER}:{hashed}\n"}
