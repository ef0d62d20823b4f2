"""`azure-prune`: delete the records of versions that are no more, and nothing else.

A record goes only if it names this registry by its uid and the version by its own name. The bytes
stay in the workspace's storage: they are addressed by content, and others may point there.
"""

from __future__ import annotations

from typing import Any, Final

from azure.ai.ml.constants import ListViewType
from azure.core import PipelineClient
from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest

from comal_trainer.azure_ml.record import PATIENCE, Place, answered, find, telling
from comal_trainer.contract.azure import AzureAnswer, Entry, Gone

_ARM: Final = "https://management.azure.com"
# azure-ai-ml archives model versions and deletes none; this is what ARM has for it.
_API_VERSION: Final = "2024-10-01"
_GONE: Final = (200, 204, 404)


def prune(place: Place, gone: Gone) -> AzureAnswer:
    """Return the workspace's id once no record of what is gone is left; may be repeated."""

    def once() -> AzureAnswer:
        client = place.client()
        find(client, place.workspace)
        token = BearerTokenCredentialPolicy(place.identity(), f"{_ARM}/.default")
        with PipelineClient[Any, Any](_ARM, policies=[token]) as plain:
            for model in sorted(gone.models):
                for version in _recorded(place, client, gone, model):
                    _delete(place, plain, Entry(model=model, version=version))
        return AzureAnswer(id=place.workspace.id)

    return answered(place, once)


def _recorded(place: Place, client: Any, gone: Gone, model: str) -> list[str]:
    try:
        with telling(place.workspace, f"listing the versions of model {model}"):
            listed = list(client.models.list(name=model, list_view_type=ListViewType.ALL))
    except ResourceNotFoundError:
        return []
    return [
        str(one.version)
        for one in listed
        if gone.has(model, str(one.version))
        and gone.is_ours(model, str(one.version), one.tags or {})
    ]


def _delete(place: Place, client: PipelineClient[Any, Any], entry: Entry) -> None:
    url = f"{_ARM}{entry.id_in(place.workspace)}?api-version={_API_VERSION}"
    times = {name: PATIENCE[name] for name in ("connection_timeout", "read_timeout")}
    with telling(place.workspace, f"deleting the record of model {entry.model}:{entry.version}"):
        answer = client.send_request(HttpRequest("DELETE", url), **times)
        if answer.status_code not in _GONE:
            answer.raise_for_status()
    print(f"{entry.model}:{entry.version} is deleted", flush=True)
