"""All servers of the bed together, on loopback, in a thread of their own."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from azure.storage.blob import (
    BlobServiceClient,
    ContainerSasPermissions,
    generate_container_sas,
)

from fake_azure import container_registry, entra, insights, storage, workspace
from fake_azure.authority import Authority, make_authority
from fake_azure.journal import Journal, journalled
from fake_azure.proxy import Proxy
from fake_azure.storage import ACCOUNT, KEY
from fake_azure.upstream import docker_registry
from fake_azure.workspace import Workspace

SUBSCRIPTION = "33333333-3333-3333-3333-333333333333"
CLIENT_ID = "44444444-4444-4444-4444-444444444444"
CLIENT_SECRET = "planted-client-secret"


@dataclass
class Bed:
    """The running bed."""

    folder: Path
    authority: Authority
    journal: Journal
    directory: entra.Directory
    workspaces: list[Workspace]
    envelopes: list[dict[str, Any]] = field(default_factory=list)
    proxy: str = ""
    """Where clients' `HTTPS_PROXY` points."""
    door: Proxy = field(init=False)

    def environment(self) -> Mapping[str, str]:
        """Return the variables that lead the SDKs here; product code knows nothing of them."""
        bundle = str(self.authority.bundle)
        return {
            "HTTPS_PROXY": self.proxy,
            "NO_PROXY": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": bundle,
            "SSL_CERT_FILE": bundle,
        }

    def blobs(self, prefix: str) -> list[str]:
        """Return the names of what was uploaded under `prefix`."""
        with _storage(self) as client:
            container = client.get_container_client(self.workspace.container)
            return [one.name for one in container.list_blobs(name_starts_with=prefix)]

    def signature(self, *, lifetime: timedelta) -> str:
        """Return a shared access signature for the workspace's container, good for that long."""
        return generate_container_sas(
            ACCOUNT,
            self.workspace.container,
            account_key=KEY,
            permission=ContainerSasPermissions.from_string("rwdlc"),
            expiry=datetime.now(UTC) + lifetime,
        )

    @property
    def workspace(self) -> Workspace:
        """The first workspace: `ml` in the group `ml-group`."""
        return self.workspaces[0]


@contextmanager
def azure_bed(
    *, registry_token_lifetime: float = 3600.0, address: str = "127.0.0.1"
) -> Iterator[Bed]:
    """Run the bed with one workspace, one client and one registry; yield it.

    Only the proxy is at `address`: it is the one way in.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="comal-azure-")))
        hosts = (
            workspace.HOST,
            entra.HOST,
            container_registry.HOST,
            container_registry.DATA_HOST,
            insights.HOST,
            storage.HOST,
        )
        authority = make_authority(folder, (*hosts, address))
        upstream = stack.enter_context(docker_registry(folder))
        blob_port = stack.enter_context(storage.blobs(folder, authority))
        bed = Bed(
            folder,
            authority,
            Journal(),
            entra.Directory({CLIENT_ID: entra.Client(secret=CLIENT_SECRET)}),
            [Workspace(SUBSCRIPTION, "ml-group", "ml", ACCOUNT, key=KEY)],
        )
        apps = {
            entra.HOST: entra.application(bed.directory),
            workspace.HOST: workspace.application(bed.workspaces),
            container_registry.HOST: container_registry.application(
                upstream, registry_token_lifetime
            ),
            container_registry.DATA_HOST: container_registry.data_application(upstream),
            insights.HOST: insights.application(bed.envelopes),
        }
        bed.proxy = stack.enter_context(_served(bed, apps, {storage.HOST: blob_port}, address))
        _make_container(bed)
        yield bed


@contextmanager
def _served(
    bed: Bed, apps: Mapping[str, web.Application], others: Mapping[str, int], address: str
) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[list[web.AppRunner], int]:
        ports, runners = dict(others), []
        for host, app in apps.items():
            app.middlewares.append(journalled(bed.journal))
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=bed.authority.server())
            await site.start()
            ports[host] = runner.addresses[0][1]
            runners.append(runner)
        bed.door = Proxy(ports, bed.journal)
        return runners, await bed.door.start(address)

    async def stop(runners: list[web.AppRunner]) -> None:
        await bed.door.stop()
        for runner in runners:
            await runner.cleanup()

    runners, port = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield f"http://{address}:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(runners), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _make_container(bed: Bed) -> None:
    """Make the workspace's container, as Azure ML does when it makes a workspace."""
    with _storage(bed) as client:
        client.create_container(bed.workspace.container)


def _storage(bed: Bed) -> BlobServiceClient:
    return BlobServiceClient(
        f"https://{ACCOUNT}.blob.core.windows.net",
        credential={"account_name": ACCOUNT, "account_key": KEY},
        proxies={"https": bed.proxy},
        connection_verify=str(bed.authority.bundle),
    )
