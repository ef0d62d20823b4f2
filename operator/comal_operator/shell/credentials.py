"""New logins for a registry; nobody chooses them, nobody reads them back."""

from __future__ import annotations

import asyncio
import base64
import secrets
from typing import Any

import bcrypt

from comal_operator.core.plan import Manifest

_USER = "comal"


async def with_login(manifest: Manifest) -> dict[str, Any]:
    """Return the Secret `manifest` with keys username, password and htpasswd (bcrypt)."""
    password = secrets.token_urlsafe(32)
    # bcrypt is slow on purpose: not on the event loop.
    hashed = await asyncio.to_thread(bcrypt.hashpw, password.encode(), bcrypt.gensalt(rounds=10))
    login = {"username": _USER, "password": password, "htpasswd": f"{_USER}:{hashed.decode()}\n"}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in login.items()}
    return {**manifest, "data": data}
