"""New logins of a registry and keys of callers; nobody chooses them, we never read them back."""

from __future__ import annotations

import asyncio
import base64
import secrets
from typing import Any

import bcrypt

from comal_operator.core.plan import CreateCredentials, Credentials
from comal_operator.core.serving.keys import KEYS

_USER = "comal"


async def with_credentials(action: CreateCredentials) -> dict[str, Any]:
    """Return the Secret of `action` with what it asks for."""
    is_login = action.credentials is Credentials.LOGIN
    found = await _login() if is_login else {key: secrets.token_urlsafe(32) for key in KEYS}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in found.items()}
    return {**action.manifest, "data": data}


async def _login() -> dict[str, str]:
    password = secrets.token_urlsafe(32)
    # bcrypt is slow on purpose: not on the event loop.
    hashed = await asyncio.to_thread(bcrypt.hashpw, password.encode(), bcrypt.gensalt(rounds=10))
    return {"username": _USER, "password": password, "htpasswd": f"{_USER}:{hashed.decode()}\n"}
