"""A node that vanishes under a step, through the whole operator and a real API server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from apiserver.lone_operator import RUN, Free, running_pod, until
from apiserver.server import ApiServer, Client
from comal_operator.shell.api import Api
from comal_operator.shell.engine import Engine, Surroundings
from make import SETTINGS

pytestmark = pytest.mark.apiserver

# The Job controller holds a Pod by this until it has counted its end, or its Job is gone.
TRACKED = "batch.kubernetes.io/job-tracking"


def on_node(admin: Client, namespace: str, job: dict[str, Any], node: str) -> dict[str, Any]:
    """Do what the Job controller, the scheduler and a kubelet do."""
    return running_pod(admin, namespace, job, node=node, finalizers=(TRACKED,))


def test_a_step_on_a_node_that_vanishes_is_started_anew(
    server: ApiServer, admin: Client, namespace: str
) -> None:
    node = f"node-{namespace}"
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    runs = f"/apis/comal.dev/v1alpha1/namespaces/{namespace}/trainingruns"
    admin.post(runs, RUN)
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}
    admin.post("/api/v1/nodes", body)
    ready = {"type": "Ready", "status": "True", "reason": "Test"}
    admin.merge(f"/api/v1/nodes/{node}/status", {"status": {"conditions": [ready]}})

    def step() -> dict[str, Any]:
        [found] = admin.get(f"{runs}/churn").get("status", {}).get("steps") or [{}]
        return dict(found)

    async def story() -> None:
        configuration = Configuration(host=server.url)
        configuration.ssl_ca_cert = str(server.authority)
        # With the rights that it is installed with: it may read Nodes and delete Pods.
        configuration.api_key["BearerToken"] = "Bearer operator"
        api = Api(ApiClient(configuration))
        engine = Engine(
            api=api,
            fence=Free(),
            namespaces=(namespace,),
            settings=replace(SETTINGS, watch_nodes=True),
            around=Surroundings(),
        )
        work = asyncio.create_task(engine.queue.run())
        try:
            await engine.audit.fill()
            [job] = await until(lambda: admin.get(jobs)["items"])
            pod = await asyncio.to_thread(on_node, admin, namespace, job, node)
            path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
            await engine.audit.fill()
            await until(engine.queue.is_idle)
            assert step()["attempts"] == 1

            gone = admin.get(f"/api/v1/nodes/{node}")
            admin.delete(f"/api/v1/nodes/{node}")
            engine.hear({"type": "DELETED", "object": gone})
            await until(lambda: step().get("reason") == "NodeLost")
            await until(lambda: admin.get(path)["metadata"].get("deletionGracePeriodSeconds") == 0)
            await until(engine.queue.is_idle)
            # Nothing new while the old Pod may still be there.
            assert admin.get(jobs)["items"] == []

            free = admin.merge(path, {"metadata": {"finalizers": None}})
            engine.hear({"type": "DELETED", "object": free})
            [again] = await until(lambda: admin.get(jobs)["items"])
            assert again["metadata"]["labels"]["comal.dev/attempt"] == "2"
            await until(lambda: step()["state"] == "Running")
            assert (step()["attempts"], step()["interruptions"]) == (2, 1)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await api.close()

    asyncio.run(story())
