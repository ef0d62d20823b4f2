"""How kopf logs in: like the gateway, and again before a Pod's token has rotated."""

from __future__ import annotations

import datetime as dt
from typing import Any

import kopf

from comal_operator.shell.connection import load_configuration

# The kubelet renews a projected token when a fifth of its hour is left.
_TRUSTED_FOR = dt.timedelta(minutes=5)


def log_in_by(registry: kopf.OperatorRegistry) -> None:
    """Give kopf our own login, instead of a guess at which client is installed."""

    @kopf.on.login(registry=registry)
    async def on_login(**_: Any) -> kopf.ConnectionInfo:
        return await connection_info()


async def connection_info() -> kopf.ConnectionInfo:
    """Return where the API server is and who we are, as kopf wants it."""
    configuration = await load_configuration()
    header = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        ca_data=configuration.ca_cert_data,
        insecure=not configuration.verify_ssl,
        scheme="Bearer" if header else None,
        token=header.split(" ", 1)[-1] if header else None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        expiration=dt.datetime.now(dt.UTC) + _TRUSTED_FOR,
    )
