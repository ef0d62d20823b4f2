"""Azure Resource Manager with Azure ML workspaces: models, data, environments, datastores.

Paths and bodies are those of the public REST specifications, at the versions that azure-ai-ml 1.35
asks for (2023-08-01-preview to 2024-10-01-preview).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from fake_azure.entra import audience_of
from fake_azure.journal import refuse

HOST = "management.azure.com"
_PATH = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<workspace>[^/]+)"
    r"(?:/(?P<rest>.*))?",
    re.IGNORECASE,
)
# What has versions: models of any name, and data beside them.
_ASSETS = ("models", "data", "environments", "components")
_PAGE = 5

Body = dict[str, Any]


@dataclass
class Workspace:
    """One workspace with what it holds."""

    subscription: str
    group: str
    name: str
    account: str
    """Of its storage."""
    container: str = "workspace"
    location: str = "westeurope"
    key: str = ""
    """The storage account's key; empty: callers use their own identity there."""
    signature: str = ""
    """A shared access signature, which the datastore then has instead of the key."""
    assets: dict[tuple[str, str], dict[str, Body]] = field(default_factory=dict)
    """By kind and name: versions in the order they were made."""

    @property
    def id(self) -> str:
        """The path that ARM knows it by."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )

    def versions(self, kind: str, name: str) -> dict[str, Body]:
        """Return the versions that were registered, by number."""
        return self.assets.get((kind, name), {})


def application(workspaces: list[Workspace]) -> web.Application:
    """Return the server of management.azure.com."""

    async def answer(request: web.Request) -> web.Response:
        if audience_of(request) != f"https://{HOST}":
            return refuse(
                401,
                "InvalidAuthenticationToken",
                "The access token is missing, expired or for another audience.",
                WWW_Authenticate='Bearer error="invalid_token"',
            )
        found = _PATH.fullmatch(request.path)
        if found is None:
            return refuse(404, "InvalidResourceType", f"no such resource: {request.path}")
        workspace = _find(workspaces, found)
        if workspace is None:
            said = f"The workspace {found['workspace']} was not found in {found['group']}."
            return refuse(404, "ResourceNotFound", said)
        return await _within(request, workspace, (found["rest"] or "").strip("/"))

    app = web.Application(client_max_size=16 << 20)
    app.router.add_route("*", "/{rest:.*}", answer)
    return app


def _find(workspaces: list[Workspace], found: re.Match[str]) -> Workspace | None:
    wanted = tuple(found[name].lower() for name in ("subscription", "group", "workspace"))
    for one in workspaces:
        if (one.subscription.lower(), one.group.lower(), one.name.lower()) == wanted:
            return one
    return None


async def _within(request: web.Request, workspace: Workspace, rest: str) -> web.Response:
    match rest.split("/") if rest else []:
        case []:
            return web.json_response(_workspace(workspace))
        case ["datastores", name]:
            return _datastore(workspace, name)
        case ["datastores", name, "listSecrets"] if request.method == "POST":
            return _secrets(workspace, name)
        case ["computes"]:
            return web.json_response({"value": []})
        case [kind] if kind in _ASSETS:
            names = [name for one, name in workspace.assets if one == kind]
            return _page(request, [_container(workspace, kind, name) for name in names])
        case [kind, name] if kind in _ASSETS:
            if not workspace.versions(kind, name):
                return refuse(404, "ContainerNotFound", f"{kind} {name} was not found.")
            return web.json_response(_container(workspace, kind, name))
        case [kind, name, "versions"] if kind in _ASSETS:
            return _list_versions(request, workspace, kind, name)
        case [kind, name, "versions", version] if kind in _ASSETS:
            return await _version(request, workspace, (kind, name, version))
    return refuse(404, "InvalidResourceType", f"no such resource: {rest}")


def _workspace(workspace: Workspace) -> Body:
    base = f"/subscriptions/{workspace.subscription}/resourceGroups/{workspace.group}/providers"
    region = workspace.location
    return {
        "id": workspace.id,
        "name": workspace.name,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": region,
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "friendlyName": workspace.name,
            "workspaceId": "22222222-2222-2222-2222-222222222222",
            "storageAccount": f"{base}/Microsoft.Storage/storageAccounts/{workspace.account}",
            "discoveryUrl": f"https://{region}.api.azureml.ms/discovery",
            "mlFlowTrackingUri": f"azureml://{region}.api.azureml.ms/mlflow/v1.0{workspace.id}",
            "provisioningState": "Succeeded",
        },
    }


def _datastore(workspace: Workspace, name: str) -> web.Response:
    if name != "workspaceblobstore":
        return refuse(404, "UserError", f"Could not find datastore: {name}")
    credentials = "Sas" if workspace.signature else "AccountKey" if workspace.key else "None"
    properties = {
        "datastoreType": "AzureBlob",
        "accountName": workspace.account,
        "containerName": workspace.container,
        "endpoint": "core.windows.net",
        "protocol": "https",
        "isDefault": True,
        "credentials": {"credentialsType": credentials},
    }
    where = f"{workspace.id}/datastores/{name}"
    return web.json_response({"id": where, "name": name, "properties": properties})


def _secrets(workspace: Workspace, name: str) -> web.Response:
    if name == "workspaceblobstore" and workspace.signature:
        return web.json_response({"secretsType": "Sas", "sasToken": workspace.signature})
    if name != "workspaceblobstore" or not workspace.key:
        return refuse(400, "UserError", f"The datastore {name} keeps no secret.")
    return web.json_response({"secretsType": "AccountKey", "key": workspace.key})


def _container(workspace: Workspace, kind: str, name: str) -> Body:
    versions = list(workspace.versions(kind, name))
    newest = max((int(one) for one in versions if one.isdecimal()), default=0)
    properties = {
        "latestVersion": versions[-1],
        "nextVersion": str(newest + 1),
        "isArchived": False,
    }
    return {"id": f"{workspace.id}/{kind}/{name}", "name": name, "properties": properties}


def _list_versions(
    request: web.Request, workspace: Workspace, kind: str, name: str
) -> web.Response:
    versions = workspace.versions(kind, name)
    if not versions:
        return refuse(404, "ContainerNotFound", f"{kind} {name} was not found.")
    bodies = list(versions.values())
    if "createdtime desc" in request.query.get("$orderBy", "").lower():
        bodies.reverse()
    if request.query.get("listViewType") == "ActiveOnly":
        bodies = [one for one in bodies if not one["properties"].get("isArchived")]
    return _page(request, bodies)


def _page(request: web.Request, bodies: list[Body]) -> web.Response:
    start = int(request.query.get("$skip", "0"))
    size = int(request.query.get("$top", str(_PAGE)))
    page: Body = {"value": bodies[start : start + size]}
    if "$top" not in request.query and start + size < len(bodies):
        page["nextLink"] = str(
            request.url.with_scheme("https")
            .with_host(HOST)
            .with_port(443)
            .update_query({"$skip": str(start + size)})
        )
    return web.json_response(page)


async def _version(
    request: web.Request, workspace: Workspace, key: tuple[str, str, str]
) -> web.Response:
    kind, name, version = key
    versions = workspace.versions(kind, name)
    if request.method == "PUT":
        return _put(workspace, key, await request.json())
    if version not in versions:
        return refuse(404, "UserError", f"The specified {kind} {name}:{version} was not found.")
    if request.method == "DELETE":
        del versions[version]
        return web.Response(status=200)
    return web.json_response(versions[version])


def _put(workspace: Workspace, key: tuple[str, str, str], body: Body) -> web.Response:
    kind, name, version = key
    old = workspace.versions(kind, name).get(version)
    given = body["properties"]
    fixed = _immutable(kind)
    if old is not None and fixed(given) != fixed(old["properties"]):
        said = f"{kind} {name}:{version} exists, and its path cannot be changed."
        return refuse(409, "Conflict", said)
    now = datetime.now(UTC).isoformat()
    made = old["systemData"]["createdAt"] if old else now
    # The SDK reads `flavors` of models without looking whether it is there.
    extra: Body = {"flavors": {}} if kind == "models" else {}
    stored = {
        "id": f"{workspace.id}/{kind}/{name}/versions/{version}",
        "name": version,
        "type": f"Microsoft.MachineLearningServices/workspaces/{kind}/versions",
        "systemData": {"createdAt": made, "createdBy": "bed", "lastModifiedAt": now},
        "properties": {**extra, **given},
    }
    workspace.assets.setdefault((kind, name), {})[version] = stored
    return web.json_response(stored, status=200 if old else 201)


def _immutable(kind: str) -> Callable[[Body], Any]:
    field_ = {"models": "modelUri", "data": "dataUri"}.get(kind)
    return lambda properties: properties.get(field_) if field_ else None
