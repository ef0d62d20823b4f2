"""How to reach the API server: from inside a Pod, or by a kubeconfig from outside."""

from __future__ import annotations

import os
from pathlib import Path

from kubernetes.aio import config
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class UnreachableClusterError(Exception):
    """Neither a Pod's account nor a kubeconfig is there."""


async def load_configuration() -> Configuration:
    """Return where the API server is and who we are; a Pod's token is re-read as it rotates.

    Raises UnreachableClusterError with the remedy.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = 64
    if "KUBECONFIG" not in os.environ and own_namespace() is not None:
        account = config.incluster_config.InClusterConfigLoader(  # type: ignore[no-untyped-call]
            token_filename=str(_ACCOUNT / "token"), cert_filename=str(_ACCOUNT / "ca.crt")
        )
        account.load_and_set(configuration)  # type: ignore[no-untyped-call]
        return configuration
    try:
        load = config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        await load
    except config.ConfigException as error:
        raise UnreachableClusterError(
            f"no cluster: {error}; run in a Pod with a service account, or set KUBECONFIG"
        ) from error
    return configuration


async def connect() -> ApiClient:
    """Return a client for the API server; raises as `load_configuration` does."""
    return ApiClient(await load_configuration())


def own_namespace() -> str | None:
    """Return the namespace of the Pod that we run in, None outside of one."""
    file = _ACCOUNT / "namespace"
    return file.read_text().strip() if file.exists() else None
