"""As whom a namespace calls Azure, and by which way: the same for all of its Pods that do."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, Final

from comal_operator.api.azure_ml import AzureCredential, CaBundle, Proxy
from comal_operator.api.oci_store import StoreCredential
from comal_operator.core.children import child_metadata
from comal_operator.core.plan import Manifest
from comal_operator.core.registry.objects import registry_labels, service_name
from comal_trainer.contract.azure import CA_FILE, Caller

# By these AKS' webhook finds the account and the Pods that shall have a token for Entra.
_CLIENT_ID: Final = "azure.workload.identity/client-id"
USE: Final = "azure.workload.identity/use"
SKIP: Final = "azure.workload.identity/skip-containers"
AUTHORITIES: Final = "authorities"
CA_DIR: Final = str(PurePosixPath(CA_FILE).parent)
_IN_CLUSTER_HOSTS: Final = "localhost,127.0.0.1,.svc,.cluster.local"


def account_name(registry: str) -> str:
    """Return the ServiceAccount under which Azure is called for the registry called so."""
    return f"{service_name(registry)}-azure"


def account(registry: Manifest, caller: Caller) -> Manifest:
    """Return that account: without rights in the cluster, so that it means these calls alone."""
    name = account_name(registry["metadata"]["name"])
    metadata = child_metadata(registry, name, registry_labels(registry))
    annotated = {"annotations": {_CLIENT_ID: caller.client_id}} if caller.client_id else {}
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {**metadata, **annotated},
        "automountServiceAccountToken": False,
    }


def caller_of(
    registry: Manifest,
    credential: AzureCredential | StoreCredential | None,
    proxy: Proxy | None,
    bundle: CaBundle | None,
) -> dict[str, str]:
    """Return the fields of a Caller."""
    meta = registry["metadata"]
    identity = credential.workload_identity if credential else None
    secret = credential.secret_ref if credential else None
    return {
        "subject": f"system:serviceaccount:{meta['namespace']}:{account_name(meta['name'])}",
        "client_id": identity.client_id if identity else "",
        "secret": secret.name if secret else "",
        "proxy": proxy.url if proxy else "",
        "no_proxy": ",".join(proxy.no_proxy) if proxy else "",
        "ca_bundle": f"{bundle.config_map}/{bundle.key}" if bundle else "",
    }


def way_out(caller: Caller) -> list[dict[str, str]]:
    """Return the variables that lead through the proxy."""
    if not caller.proxy:
        return []
    direct = ",".join(filter(None, (_IN_CLUSTER_HOSTS, caller.no_proxy)))
    return [
        {"name": "HTTPS_PROXY", "value": caller.proxy},
        {"name": "NO_PROXY", "value": direct},
    ]


def authorities(bundle: str) -> dict[str, Any]:
    """Return the volume with a company's certificates; its place is CA_DIR."""
    name, _, key = bundle.partition("/")
    items = [{"key": key, "path": PurePosixPath(CA_FILE).name}]
    # Optional: the command then says what is missing, where a Pod would hang.
    source = {"name": name, "items": items, "optional": True}
    return {"name": AUTHORITIES, "configMap": source}
