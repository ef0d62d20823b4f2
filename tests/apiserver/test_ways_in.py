"""A way in that somebody deletes comes back, on a cluster that has no Gateway API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from apiserver.lone_operator import Free, until
from apiserver.server import ApiServer, Client
from comal_operator.shell.api import Api
from comal_operator.shell.engine import Engine, Surroundings
from make import SETTINGS

pytestmark = pytest.mark.apiserver

ENDPOINT = {
    "apiVersion": "comal.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "churn"},
    "spec": {
        "model": {"name": "churn", "latest": True},
        "traffic": {"attach": {"ingress": {"host": "score.example.com"}}},
    },
}


def test_an_ingress_that_is_deleted_comes_back_and_goes_with_the_spec(
    server: ApiServer, admin: Client, namespace: str
) -> None:
    ingresses = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses"
    deployments = f"/apis/comal.dev/v1alpha1/namespaces/{namespace}/modeldeployments"
    admin.post(deployments, ENDPOINT)

    def made() -> list[dict[str, Any]]:
        return list(admin.get(ingresses)["items"])

    async def story() -> None:
        configuration = Configuration(host=server.url)
        configuration.ssl_ca_cert = str(server.authority)
        configuration.api_key["BearerToken"] = "Bearer operator"
        api = Api(ApiClient(configuration))
        engine = Engine(
            api=api,
            fence=Free(),
            namespaces=(namespace,),
            settings=SETTINGS,
            around=Surroundings(),
        )
        work = asyncio.create_task(engine.queue.run())
        try:
            await engine.audit.fill()
            [first] = await until(made)
            await until(engine.queue.is_idle)
            path = f"{ingresses}/{first['metadata']['name']}"
            gone = admin.get(path)
            admin.delete(path)
            engine.hear({"type": "DELETED", "object": gone})
            [again] = await until(made)
            assert again["metadata"]["uid"] != first["metadata"]["uid"]
            assert again["spec"] == first["spec"]
            await until(engine.queue.is_idle)

            admin.merge(f"{deployments}/churn", {"spec": {"traffic": {"attach": None}}})
            engine.hear({"type": "MODIFIED", "object": admin.get(f"{deployments}/churn")})
            await until(lambda: not made())
        finally:
            work.cancel()
            await api.close()

    asyncio.run(story())
