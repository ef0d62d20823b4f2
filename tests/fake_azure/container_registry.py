"""An Azure Container Registry: its login and its own API before a real docker-registry.

Blobs are read where the registry sends its callers for them: at a host that takes no login.
"""

from __future__ import annotations

import re
import time
from functools import partial

import aiohttp
import jwt
from aiohttp import web

from fake_azure.entra import access_token, audience_in
from fake_azure.journal import refuse

HOST = "comal.azurecr.io"
DATA_HOST = "comal.westeurope.data.azurecr.io"
# A token of the registry's own, for one who has no identity in Entra.
USER, PASSWORD = "clinic", "planted-registry-password"
AUDIENCE = "https://containerregistry.azure.net"
_KEY = "not-a-secret-" * 4
_TAG = re.compile(r"/acr/v1/(?P<repository>.+)/_tags/(?P<tag>[^/]+)")
_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive", "host")


def application(upstream: str, lifetime: float = 3600.0) -> web.Application:
    """Return the server of one registry whose bytes lie in the docker-registry at `upstream`."""

    async def exchange(request: web.Request) -> web.Response:
        form = await request.post()
        given = str(form.get("access_token", ""))
        if form.get("grant_type") != "access_token" or audience_in(given) != AUDIENCE:
            return refuse(401, "UNAUTHORIZED", "the token is for another audience or expired")
        return web.json_response({"refresh_token": access_token(HOST, "refresh", lifetime)})

    async def token(request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") != "refresh_token":
            return refuse(401, "UNAUTHORIZED", "anonymous pull is off")
        try:
            jwt.decode(str(form["refresh_token"]), _KEY, algorithms=["HS256"], audience=HOST)
        except jwt.InvalidTokenError:
            return refuse(401, "UNAUTHORIZED", "the refresh token has expired")
        claims = {"aud": HOST, "access": str(form["scope"]), "exp": time.time() + lifetime}
        return web.json_response({"access_token": jwt.encode(claims, _KEY, algorithm="HS256")})

    async def api(request: web.Request) -> web.StreamResponse:
        if not _may(request):
            scope = _scope(request)
            challenge = f'Bearer realm="https://{HOST}/oauth2/token",service="{HOST}"'
            challenge += f',scope="{scope}"' if scope else ""
            return refuse(
                401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge
            )
        if request.path.startswith("/acr/"):
            return await _own(request, upstream)
        return _sent_for_bytes(request) or await _forward(request, upstream)

    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/oauth2/exchange", exchange)
    app.router.add_post("/oauth2/token", token)
    app.router.add_get("/oauth2/token", partial(_token_for_password, lifetime=lifetime))
    app.router.add_route("*", "/{rest:.*}", api)
    return app


def data_application(upstream: str) -> web.Application:
    """Return the server of the registry's bytes: a signature is the login, and none besides."""

    async def read(request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers or "sig" not in request.query:
            return refuse(400, "InvalidAuthenticationInfo", "one way of logging in, please")
        return await _forward(request, upstream)

    app = web.Application()
    app.router.add_get("/{rest:.*}", read)
    return app


async def _token_for_password(request: web.Request, lifetime: float) -> web.Response:
    given = request.headers.get("Authorization", "")
    if given != aiohttp.BasicAuth(USER, PASSWORD).encode():
        return refuse(401, "UNAUTHORIZED", "the password is wrong")
    claims = {"aud": HOST, "access": request.query["scope"], "exp": time.time() + lifetime}
    return web.json_response({"access_token": jwt.encode(claims, _KEY, algorithm="HS256")})


def _sent_for_bytes(request: web.Request) -> web.Response | None:
    """Return where a blob is to be read, if the request is for one."""
    if request.method != "GET" or "/blobs/" not in request.path:
        return None
    there = f"https://{DATA_HOST}{request.raw_path}?sig=planted-signature"
    return web.Response(status=307, headers={"Location": there})


def _may(request: web.Request) -> bool:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        claims = jwt.decode(token, _KEY, algorithms=["HS256"], audience=HOST)
    except jwt.InvalidTokenError:
        return False
    return kind == "Bearer" and "access" in claims


def _scope(request: web.Request) -> str:
    found = re.match(
        r"/(?:v2|acr/v1)/(.+?)/(?:manifests|blobs|_tags|_manifests)(?:/|$)", request.path
    )
    if found is None:
        return "registry:catalog:*" if request.path.startswith("/acr/") else ""
    verbs = "pull" if request.method in ("GET", "HEAD") else "pull,push"
    return f"repository:{found[1]}:{verbs}"


async def _own(request: web.Request, upstream: str) -> web.Response:
    found = _TAG.fullmatch(request.path)
    if found is None:
        return refuse(404, "NOT_FOUND", "no such page")
    digest = await _digest(upstream, found["repository"], found["tag"])
    if digest is None:
        return refuse(404, "TAG_UNKNOWN", f"{found['tag']} is not found")
    moment = "2026-01-01T00:00:00Z"
    tag = {
        "name": found["tag"],
        "digest": digest,
        "createdTime": moment,
        "lastUpdateTime": moment,
        "changeableAttributes": {"deleteEnabled": True, "writeEnabled": True},
    }
    return web.json_response({"registry": HOST, "imageName": found["repository"], "tag": tag})


async def _digest(upstream: str, repository: str, tag: str) -> str | None:
    kinds = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
    async with (
        aiohttp.ClientSession() as session,
        session.head(
            f"{upstream}/v2/{repository}/manifests/{tag}", headers={"Accept": kinds}
        ) as it,
    ):
        return it.headers.get("Docker-Content-Digest") if it.status == 200 else None


async def _forward(request: web.Request, upstream: str) -> web.StreamResponse:
    kept = {
        name: value
        for name, value in request.headers.items()
        if name.lower() not in (*_HOP, "authorization")
    }
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.request(
            request.method,
            upstream + request.raw_path,
            headers=kept,
            data=await request.read(),
            allow_redirects=False,
        ) as there,
    ):
        headers = {n: v for n, v in there.headers.items() if n.lower() not in _HOP}
        body = await there.read()
        if request.method == "HEAD":
            headers["Content-Length"] = there.headers.get("Content-Length", "0")
        return web.Response(status=there.status, headers=headers, body=body)
