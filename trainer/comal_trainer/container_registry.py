"""An Azure Container Registry, to which a Pod comes as itself: by its account, or as its node.

A client for each question: the SDK (azure-containerregistry 1.2) renews its refresh token while it
is good and keeps it once it has expired, so that a client that rested answers 401 for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from azure.containerregistry import ContainerRegistryClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.identity import ManagedIdentityCredential, WorkloadIdentityCredential

from comal_trainer.contract.images import ImageReason, Reference
from comal_trainer.distribution import NotResolved

_AUDIENCE: Final = "https://containerregistry.azure.net"
_TOKEN_FILE: Final = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 - the name of a variable
# For seconds: another Job may try again, and a Pod outside of Azure has nobody to ask.
_PATIENCE: Final[Mapping[str, Any]] = {
    "retry_total": 1,
    "retry_backoff_factor": 0.2,
    "connection_timeout": 4,
    "read_timeout": 10,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as whom Azure knows this Pod."""

    name: str
    credential: TokenCredential


def identities(environment: Mapping[str, str], node: str = "") -> Iterator[Identity]:
    """Yield as whom the Pod may come: its ServiceAccount's identity first, then its node's.

    `node` is the client id of the node's, which has to be told where nodes have several.
    """
    if environment.get(_TOKEN_FILE):
        name = f"the workload identity {environment.get('AZURE_CLIENT_ID', '')}".strip()
        yield Identity(name, WorkloadIdentityCredential(**_PATIENCE))
    own = ManagedIdentityCredential(client_id=node or None, **_PATIENCE)
    yield Identity("the node's identity", own)


def client_at(host: str, credential: TokenCredential | None) -> ContainerRegistryClient:
    """Return a client for a few calls from now; anonymous without a credential."""
    return ContainerRegistryClient(f"https://{host}", credential, audience=_AUDIENCE, **_PATIENCE)


def digest_as(image: Reference, identity: Identity) -> str:
    """Return what the tag names; raise NotResolved.

    The Denied that it raises is the registry's own no; without a token from Entra nobody was asked.
    """
    try:
        with client_at(image.host, identity.credential) as client:
            return str(client.get_manifest(image.repository, image.tag).digest)
    except ResourceNotFoundError:
        text = f"{image.host} has no such image"
        raise NotResolved(ImageReason.NOT_FOUND, text) from None
    except ClientAuthenticationError as error:
        raise _refused(image, identity, error.status_code if error.response else None) from None
    except HttpResponseError as error:
        raise _refused(image, identity, error.status_code) from None
    except (AzureError, ValueError) as error:
        text = f"{image.host} was not reached ({type(error).__name__})"
        raise NotResolved(ImageReason.UNDECIDED, text) from None


def _refused(image: Reference, identity: Identity, status: int | None) -> NotResolved:
    if status in (401, 403):
        text = f"{image.host} answered HTTP {status} to {identity.name}: give it the role AcrPull"
        return NotResolved(ImageReason.DENIED, text)
    if status is None:
        text = f"Azure gave no token to {identity.name}"
        return NotResolved(ImageReason.UNDECIDED, text)
    return NotResolved(ImageReason.UNDECIDED, f"{image.host} answered HTTP {status}")
