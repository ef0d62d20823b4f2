"""Microsoft Entra ID: tokens for a client secret, or for a projected token of the cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import jwt
from aiohttp import web

from fake_azure.journal import refuse

HOST = "login.microsoftonline.com"
TENANT = "11111111-1111-1111-1111-111111111111"
AUDIENCE = "api://AzureADTokenExchange"
_KEY = "not-a-secret-" * 4
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Review = Callable[[str, str], str | None]
"""(token, audience) → the account that it belongs to, `system:serviceaccount:…`, or None."""


@dataclass
class Client:
    """An application registration."""

    secret: str = ""
    subjects: set[str] = field(default_factory=set)
    """Federated credentials: accounts whose tokens are taken in exchange."""


@dataclass
class Directory:
    """Who may log in."""

    clients: dict[str, Client] = field(default_factory=dict)
    review: Review = lambda _token, _audience: None
    lifetime: float = 3600.0
    """Seconds that a token is good for."""
    issued: list[str] = field(default_factory=list)
    """All tokens that were given."""


def access_token(audience: str, client_id: str, lifetime: float) -> str:
    """Return a token in the shape of Entra's; azurite reads issuer, audience and times."""
    now = time.time()
    claims = {
        "iss": f"https://sts.windows.net/{TENANT}/",
        "aud": audience,
        "appid": client_id,
        "tid": TENANT,
        "iat": now - 5,
        "nbf": now - 5,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, _KEY, algorithm="HS256")


def audience_of(request: web.Request) -> str | None:
    """Return for whom the request's token was made; None without one that is good."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return audience_in(token) if kind == "Bearer" else None


def audience_in(token: str) -> str | None:
    """Return for whom the token was made; None if it is not good."""
    try:
        claims = jwt.decode(
            token, _KEY, algorithms=["HS256"], options={"verify_aud": False, "require": ["exp"]}
        )
    except jwt.InvalidTokenError:
        return None
    return str(claims["aud"]).rstrip("/")


def application(directory: Directory) -> web.Application:
    """Return the server of login.microsoftonline.com."""

    async def openid(request: web.Request) -> web.Response:
        base = f"https://{HOST}/{request.match_info['tenant']}"
        return web.json_response(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
            }
        )

    async def instance(_: web.Request) -> web.Response:
        alike = {"preferred_network": HOST, "preferred_cache": HOST, "aliases": [HOST]}
        found = f"https://{HOST}/common/v2.0/.well-known/openid-configuration"
        return web.json_response({"tenant_discovery_endpoint": found, "metadata": [alike]})

    async def token(request: web.Request) -> web.Response:
        form = await request.post()
        given = {name: str(value) for name, value in form.items()}
        client = directory.clients.get(given.get("client_id", ""))
        if client is None:
            return _denied(400, "AADSTS700016", "unauthorized_client", "Application not found")
        if given.get("client_assertion_type") == _JWT_BEARER:
            shown = given.get("client_assertion", "")
            # A cluster takes its time to answer; meanwhile others are served.
            subject = await asyncio.to_thread(directory.review, shown, AUDIENCE)
            if subject is None:
                return _denied(401, "AADSTS50027", "invalid_client", "JWT token is invalid")
            if subject not in client.subjects:
                said = (
                    "No matching federated identity record found for presented assertion subject"
                    f" '{subject}'"
                )
                return _denied(401, "AADSTS700213", "invalid_client", said)
        elif not client.secret or given.get("client_secret") != client.secret:
            return _denied(401, "AADSTS7000215", "invalid_client", "Invalid client secret provided")
        resource = given["scope"].split(" ")[0].removesuffix("/.default")
        made = access_token(resource, given["client_id"], directory.lifetime)
        directory.issued.append(made)
        seconds = int(directory.lifetime)
        return web.json_response(
            {
                "token_type": "Bearer",
                "expires_in": seconds,
                "ext_expires_in": seconds,
                "access_token": made,
            }
        )

    app = web.Application()
    app.router.add_get("/common/discovery/instance", instance)
    app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", openid)
    app.router.add_post("/{tenant}/oauth2/v2.0/token", token)
    app.router.add_route("*", "/{rest:.*}", _nothing)
    return app


async def _nothing(_: web.Request) -> web.Response:
    return refuse(404, "NotFound", "no such page")


def _denied(status: int, code: str, error: str, said: str) -> web.Response:
    body = {"error": error, "error_description": f"{code}: {said}", "error_codes": [int(code[6:])]}
    return web.json_response(body, status=status)
