"""From a step's post to the run's status, through the whole operator and a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from apiserver.lone_operator import RUN, Free, running_pod, until
from apiserver.server import ApiServer, Client
from comal_operator.shell import metrics
from comal_operator.shell.api import Api
from comal_operator.shell.engine import Engine, Surroundings
from comal_trainer.contract.progress import AUDIENCE
from make import SETTINGS

pytestmark = pytest.mark.apiserver


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def lists() -> float:
    """Return how many lists were asked of the API server by now."""
    samples = next(iter(metrics.API_CALLS.collect())).samples
    return sum(s.value for s in samples if s.name.endswith("_total") and s.labels["verb"] == "list")


def the_pod(admin: Client, namespace: str) -> dict[str, Any]:
    """Do what the Job controller and the kubelet do."""
    [job] = admin.get(f"/apis/batch/v1/namespaces/{namespace}/jobs")["items"]
    return running_pod(admin, namespace, job)


def the_token(admin: Client, namespace: str, pod: dict[str, Any]) -> str:
    """Do what the kubelet does for the volume that the operator gave to the Pod."""
    [source] = [
        volume["projected"]["sources"][0]["serviceAccountToken"]
        for volume in pod["spec"]["volumes"]
        if volume["name"] == "progress-token"
    ]
    assert source["audience"] == AUDIENCE
    meta = pod["metadata"]
    bound = {"kind": "Pod", "apiVersion": "v1", "name": meta["name"], "uid": meta["uid"]}
    spec = {"audiences": [source["audience"]], "boundObjectRef": bound}
    account = pod["spec"]["serviceAccountName"]
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    token: str = admin.post(path, body)["status"]["token"]
    return token


def test_a_post_becomes_status_without_a_look_at_the_whole_run(
    server: ApiServer, admin: Client, namespace: str
) -> None:
    admin.post(f"/apis/comal.dev/v1alpha1/namespaces/{namespace}/trainingruns", RUN)
    path = f"/apis/comal.dev/v1alpha1/namespaces/{namespace}/trainingruns/churn"

    def progress() -> dict[str, Any]:
        found: dict[str, Any] = admin.get(path).get("status", {}).get("progress") or {}
        return found

    def at(percent: int) -> Callable[[], bool]:
        return lambda: progress().get("percent") == percent and "heartbeat" in progress()

    async def story() -> None:
        configuration = Configuration(host=server.url)
        configuration.ssl_ca_cert = str(server.authority)
        configuration.api_key["BearerToken"] = "Bearer operator"
        api, clock = Api(ApiClient(configuration)), Clock()
        engine = Engine(
            api=api,
            fence=Free(),
            namespaces=(namespace,),
            settings=SETTINGS,
            around=Surroundings(clock=clock),
        )
        await engine.audit.fill()
        work = asyncio.create_task(engine.queue.run())
        runner = await engine.progress.start(host="127.0.0.1", port=0)
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/progress"
        jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        await until(lambda: admin.get(jobs)["items"])
        pod = await asyncio.to_thread(the_pod, admin, namespace)
        token = await asyncio.to_thread(the_token, admin, namespace, pod)
        await engine.audit.fill()
        await until(engine.queue.is_idle)
        try:
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
                async with http.post(url, json={"percent": 40}) as answer:
                    assert answer.status == 204, await answer.text()
                await until(at(40))
                await until(engine.queue.is_idle)
                before = lists()
                clock.now += timedelta(seconds=6)
                async with http.post(url, json={"percent": 60, "epoch": "3/5"}) as answer:
                    assert answer.status == 204
                await until(at(60))
                await until(engine.queue.is_idle)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await runner.cleanup()
            await api.close()
        assert progress() == {
            "text": "60% 12s",
            "percent": 60,
            "etaSeconds": 12,
            "epoch": "3/5",
            "heartbeat": "2026-11-21T12:00:06Z",
        }
        assert lists() == before

    asyncio.run(story())
