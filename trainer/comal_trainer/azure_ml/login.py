"""As whom we come: the ServiceAccount's own token in exchange, or the Secret that is mounted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential, WorkloadIdentityCredential

from comal_trainer.azure_ml.failure import AzureFailure
from comal_trainer.contract.azure import (
    CLIENT_KEY,
    JSON_KEY,
    SECRET_KEY,
    TENANT_KEY,
    AzureReason,
    Caller,
)

_TOKEN_FILE: Final = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 - the name of a variable
_JSON_NAMES: Final = {TENANT_KEY: "tenantId", CLIENT_KEY: "clientId", SECRET_KEY: "clientSecret"}


def credential(
    caller: Caller, folder: Path, environment: Mapping[str, str], patience: Mapping[str, Any]
) -> TokenCredential:
    """Return the login; raise AzureFailure where nothing to log in with is there."""
    if caller.client_id:
        return _of_account(caller, environment, patience)
    found = _read(caller, folder)
    return ClientSecretCredential(
        found[TENANT_KEY], found[CLIENT_KEY], found[SECRET_KEY], **patience
    )


def _of_account(
    caller: Caller, environment: Mapping[str, str], patience: Mapping[str, Any]
) -> TokenCredential:
    file, tenant = environment.get(_TOKEN_FILE, ""), environment.get(TENANT_KEY, "")
    if not (file and tenant and Path(file).is_file()):
        raise AzureFailure(
            AzureReason.WORKLOAD_IDENTITY_MISSING,
            f"the cluster's workload identity gave this Pod no token for {caller.subject}:"
            " enable it (az aks update --enable-oidc-issuer --enable-workload-identity),"
            " or use credential.secretRef",
        )
    return WorkloadIdentityCredential(
        tenant_id=tenant, client_id=caller.client_id, token_file_path=file, **patience
    )


def _read(caller: Caller, folder: Path) -> dict[str, str]:
    """Return the three keys; of their content no message says anything."""
    found = {name: _text(folder / name) for name in _JSON_NAMES}
    text = _text(folder / JSON_KEY)
    if text and not all(found.values()):
        try:
            given = json.loads(text)
            found = {name: str(given[key]).strip() for name, key in _JSON_NAMES.items()}
        except (ValueError, TypeError, KeyError):
            raise _missing(caller, f"its {JSON_KEY} is not what --sdk-auth prints") from None
    absent = [name for name, value in found.items() if not value]
    if len(absent) == len(found):
        raise _missing(caller, "it does not exist, or has none of these")
    if absent:
        raise _missing(caller, f"it has no {' and no '.join(absent)}")
    return found


def _missing(caller: Caller, why: str) -> AzureFailure:
    return AzureFailure(
        AzureReason.CREDENTIAL_MISSING,
        f"Secret {caller.secret} must have the keys {TENANT_KEY}, {CLIENT_KEY} and"
        f" {SECRET_KEY}, or {JSON_KEY}: {why}",
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
