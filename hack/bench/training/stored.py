"""What the API server keeps in etcd, in bytes."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

import requests

_PAGE = 500


def stored_bytes(etcd: str, namespace: str) -> Counter[str]:
    """Return the bytes of keys and values of a namespace's objects, by resource."""
    found: Counter[str] = Counter()
    start, end = "/registry/", "/registry0"
    while True:
        body = {"key": _base64(start), "range_end": _base64(end), "limit": str(_PAGE)}
        answer = requests.post(f"{etcd}/v3/kv/range", json=body, timeout=60)
        answer.raise_for_status()
        page: dict[str, Any] = answer.json()
        pairs = page.get("kvs", [])
        for pair in pairs:
            key, size = base64.b64decode(pair["key"]).decode(), len(base64.b64decode(pair["value"]))
            # /registry/[group/]resource/namespace/name
            parts = key.split("/")
            if len(parts) > 4 and parts[-2] == namespace:
                found[parts[-3]] += len(key) + size
        if not page.get("more"):
            return found
        start = base64.b64decode(pairs[-1]["key"]).decode() + "\0"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
