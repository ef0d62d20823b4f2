"""Pull secrets as kubelets read them: which login is for which image."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from comal_trainer.contract.images import HUB, Reference

_FILES: Final = (".dockerconfigjson", ".dockercfg")
_API: Final = ("v1", "v2")


@dataclass(frozen=True, slots=True)
class Login:
    """What a Secret says of one registry, or of one part of it."""

    host: str
    path: str
    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """A refresh token, which takes the place of the password."""

    def is_for(self, image: Reference) -> bool:
        """Return whether it is for the image: `*` stands for one part of a host's name."""
        wanted, given = image.host.split("."), self.host.split(".")
        if len(wanted) != len(given) or not all(map(fnmatchcase, wanted, given)):
            return False
        return not self.path or f"{image.repository}/".startswith(f"{self.path}/")


def logins_in(folder: Path) -> tuple[Login, ...]:
    """Return the logins of all Secrets that are mounted below `folder`, the closest first.

    A Secret that is missing, or is no pull secret, has none.
    """
    found = [
        login
        for secret in sorted(folder.glob("*/"))
        for name in _FILES
        for login in _read(secret / name)
    ]
    return tuple(sorted(found, key=lambda one: len(one.path), reverse=True))


def _read(file: Path) -> Iterator[Login]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    registries = content.get("auths", content) if isinstance(content, Mapping) else {}
    if not isinstance(registries, Mapping):
        return
    for name, entry in registries.items():
        login = _login(str(name), entry) if isinstance(entry, Mapping) else None
        if login is not None:
            yield login


def _login(name: str, entry: Mapping[str, Any]) -> Login | None:
    host, _, path = name.rpartition("://")[2].partition("/")
    path = path.strip("/")
    path = "" if path in _API else path
    host = HUB if host in (f"index.{HUB}", f"registry-1.{HUB}") else host
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if not user and entry.get("auth"):
        try:
            text = base64.b64decode(str(entry["auth"]), validate=False).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        user, _, password = text.partition(":")
    token = str(entry.get("identitytoken") or "")
    return Login(host, path, user, password, token) if (user and password) or token else None
