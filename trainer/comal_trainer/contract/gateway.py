"""What the gateway to a registry elsewhere is told, and why it may not get there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import ClassVar, Final

from comal_trainer.contract import ContractError
from comal_trainer.contract.azure import Caller

GATEWAY_COMMAND: Final = "registry-gateway"
# Where the gateway finds the login of the registry elsewhere.
UPSTREAM_DIR: Final = "/var/run/secrets/comal.dev/upstream"
# In the cluster every model lies below this; elsewhere below the path that the user names.
MODELS: Final = "models/"


class StoreReason(StrEnum):
    """Why a registry that is not Azure's is not reached; docs/conditions.md says what to do."""

    LOGIN_REFUSED = "LoginRefused"
    UNAVAILABLE = "StoreUnavailable"
    REFUSED = "StoreRefused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream(Caller):
    """Where the models lie, and as whom they are read and written."""

    host: str
    path: str
    login: str = ""
    """Name of a Secret with username and password."""

    field: ClassVar[str] = "store.oci"
    roles: ClassVar[str] = (
        "the role AcrPush on the registry, or Container Registry Repository Writer where it asks"
        " for ABAC"
    )
    unknown: ClassVar[str] = ", which has no role there: give it AcrPush on the registry"

    @property
    def is_azure(self) -> bool:
        """Return whether Entra says who we are."""
        return bool(self.client_id or self.secret)


def gateway_arguments(upstream: Upstream) -> tuple[str, ...]:
    """Return the container arguments of the gateway."""
    text = json.dumps(asdict(upstream), separators=(",", ":"), sort_keys=True)
    return GATEWAY_COMMAND, f"--target={text}"


def read_upstream(text: str) -> Upstream:
    """Return what `gateway_arguments` says; raise ContractError."""
    try:
        return Upstream(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ContractError(f"--target names no registry: {error}") from None
