"""Application Insights' ingestion: takes envelopes and keeps them to be looked at."""

from __future__ import annotations

import gzip
import json
from typing import Any

from aiohttp import web

HOST = "westeurope-0.in.applicationinsights.azure.com"


def application(envelopes: list[dict[str, Any]]) -> web.Application:
    """Return the server; every envelope it takes is appended to `envelopes`."""

    async def track(request: web.Request) -> web.Response:
        body = await request.read()
        # aiohttp unpacks what says that it is packed; the exporter sends both kinds.
        text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        items = json.loads(text)
        envelopes.extend(items)
        count = len(items)
        return web.json_response({"itemsReceived": count, "itemsAccepted": count, "errors": []})

    app = web.Application(client_max_size=16 << 20)
    # Some versions of the exporter send two slashes.
    app.router.add_post("/{slash:/?}v2.1/track", track)
    return app
