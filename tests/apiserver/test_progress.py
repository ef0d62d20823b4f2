"""Who may report progress: decided by a real API server's word about real projected tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from apiserver.server import ApiServer, Client
from comal_operator.core.names import LABEL_STEP, LABEL_TRAINING_RUN, labels
from comal_operator.core.training.objects import STEP
from comal_operator.shell.api import Api
from comal_operator.shell.cache import Cache, ObjectKey
from comal_operator.shell.pod_tokens import PodTokens
from comal_operator.shell.progress import Pace, ProgressServer
from comal_operator.shell.reports import Reports
from comal_operator.shell.slim import slim
from comal_trainer.contract.progress import AUDIENCE
from comal_trainer.heartbeat import Heartbeat

pytestmark = pytest.mark.apiserver

ACCOUNT = "training"


@dataclass
class Step:
    """A Pod of a step, and the one who makes tokens for it."""

    admin: Client
    namespace: str
    pod: dict[str, Any]

    def token(self, *, audience: str = AUDIENCE, bound: bool = True) -> str:
        """Return a new token, as the kubelet asks for one."""
        meta = self.pod["metadata"]
        reference = {"kind": "Pod", "apiVersion": "v1", "name": meta["name"], "uid": meta["uid"]}
        spec: dict[str, Any] = {"audiences": [audience], "expirationSeconds": 3600}
        if bound:
            spec["boundObjectRef"] = reference
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{ACCOUNT}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        token: str = self.admin.post(path, body)["status"]["token"]
        return token


def a_step(admin: Client, namespace: str, **more: str) -> Step:
    root = f"/api/v1/namespaces/{namespace}"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}
    admin.post(f"{root}/serviceaccounts", account)
    worn = {**labels(STEP), LABEL_TRAINING_RUN: "churn", LABEL_STEP: "train", **more}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "churn-train-x1", "labels": worn},
        "spec": {
            "serviceAccountName": ACCOUNT,
            "containers": [{"name": "step", "image": "none.invalid/none"}],
        },
    }
    return Step(admin, namespace, admin.post(f"{root}/pods", pod))


@pytest.fixture
def step(admin: Client, namespace: str) -> Step:
    return a_step(admin, namespace)


Post = Callable[..., Awaitable[tuple[int, str]]]


@dataclass
class Operator:
    """What listens, with what it keeps and whom it woke."""

    url: str
    cache: Cache
    reports: Reports
    woken: list[ObjectKey]
    session: aiohttp.ClientSession

    async def post(self, token: str | None, body: Any, scheme: str = "Bearer") -> tuple[int, str]:
        """Return status and sentence."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {} if token is None else {"Authorization": f"{scheme} {token}"}
        async with self.session.post(self.url, data=data, headers=headers) as answer:
            return answer.status, await answer.text()


def with_operator(
    server: ApiServer, do: Callable[[Operator], Awaitable[None]], *, user: str = "operator"
) -> None:
    """Run the listener as that user, and `do` something with it."""

    async def run() -> None:
        configuration = Configuration(host=server.url)
        configuration.ssl_ca_cert = str(server.authority)
        configuration.api_key["BearerToken"] = f"Bearer {user}"
        api = Api(ApiClient(configuration))
        cache, reports = Cache(), Reports(lambda: datetime.now(UTC))
        woken: list[ObjectKey] = []
        listening = ProgressServer(
            tokens=PodTokens(api, audience=AUDIENCE),
            cache=cache,
            reports=reports,
            wake=lambda key, **_: woken.append(key),
            pace=Pace(per_second=0.0, burst=4),
        )
        runner = await listening.start(host="127.0.0.1", port=0)
        port = runner.addresses[0][1]
        try:
            async with aiohttp.ClientSession() as session:
                url = f"http://127.0.0.1:{port}/v1/progress"
                await do(Operator(url, cache, reports, woken, session))
        finally:
            await runner.cleanup()
            await api.close()

    asyncio.run(run())


def test_a_step_is_heard_and_its_run_woken(server: ApiServer, step: Step) -> None:
    async def story(operator: Operator) -> None:
        operator.cache.put(slim(step.pod))
        answer = await operator.post(step.token(), {"percent": 45, "metrics": {"loss": 0.4}})
        assert answer == (204, "")
        heard = operator.reports.of(step.pod["metadata"]["uid"])
        assert heard is not None
        assert heard.report.percent == 45
        assert operator.woken == [ObjectKey("TrainingRun", step.namespace, "churn")]

    with_operator(server, story)


def test_the_client_that_people_copy_is_heard(
    server: ApiServer, step: Step, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(step.token())

    async def story(operator: Operator) -> None:
        operator.cache.put(slim(step.pod))
        heart = Heartbeat(workspace=tmp_path, url=operator.url, token_file=tmp_path / "token")
        heart.report(percent=12, epoch="1/8", resumed_from="step 8200")
        await asyncio.to_thread(heart.send)
        heard = operator.reports.of(step.pod["metadata"]["uid"])
        assert heard is not None
        assert heard.report.resumed_from == "step 8200"

    with_operator(server, story)


def test_other_tokens_are_none(server: ApiServer, step: Step) -> None:
    async def story(operator: Operator) -> None:
        operator.cache.put(slim(step.pod))
        for token, words in (
            (None, "Authorization"),
            ("", "Authorization"),
            ("a.b.c", "audience"),
            ("admin", "audience"),
            ("x" * 9000, "no service account token"),
            (step.token(audience="https://kubernetes.default.svc"), "audience"),
            (step.token(bound=False), "not bound to a Pod"),
        ):
            status, said = await operator.post(token, {"percent": 1})
            assert status in (401, 400 if token and len(token) > 8000 else 401), said
            assert words in said or status == 400
        status, said = await operator.post(step.token(), {"percent": 1}, scheme="Basic")
        assert (status, "Bearer" in said) == (401, True)
        assert operator.woken == []

    with_operator(server, story)


def test_the_token_ends_with_its_pod(server: ApiServer, admin: Client, step: Step) -> None:
    token, meta = step.token(), step.pod["metadata"]
    gone = {"gracePeriodSeconds": 0, "kind": "DeleteOptions", "apiVersion": "v1"}
    path = f"/api/v1/namespaces/{step.namespace}/pods/{meta['name']}"
    assert admin.call("DELETE", path, gone)[0] == 200

    async def story(operator: Operator) -> None:
        operator.cache.put(slim(step.pod))
        assert (await operator.post(token, {"percent": 1}))[0] == 401

    with_operator(server, story)


@pytest.mark.parametrize("stranger", ["not watched", "no step", "its name reused", "not ours"])
def test_a_pod_that_is_no_step_of_ours_is_refused(
    stranger: str, server: ApiServer, step: Step
) -> None:
    seen: dict[str, Any] = json.loads(json.dumps(slim(step.pod)))
    worn = seen["metadata"]["labels"]
    if stranger == "no step":
        del worn[LABEL_STEP]
    elif stranger == "not ours":
        worn["app.kubernetes.io/managed-by"] = "somebody"
    elif stranger == "its name reused":
        seen["metadata"]["uid"] = "another"
    else:
        seen["metadata"]["namespace"] = "elsewhere"

    async def story(operator: Operator) -> None:
        operator.cache.put(seen)
        status, said = await operator.post(step.token(), {"percent": 1})
        assert status == 403
        assert "churn-train-x1 is no step" in said
        assert operator.woken == []

    with_operator(server, story)


def test_a_bad_report_is_refused_with_a_sentence(server: ApiServer, step: Step) -> None:
    async def story(operator: Operator) -> None:
        operator.cache.put(slim(step.pod))
        token = step.token()
        status, said = await operator.post(token, {"percent": 101})
        assert (status, said) == (422, "percent is 101: write a number from 0 to 100\n")
        status, said = await operator.post(token, b" " * 17_000)
        assert (status, "16384 bytes" in said) == (413, True)
        assert operator.reports.of(step.pod["metadata"]["uid"]) is None

    with_operator(server, story)


def test_a_pod_that_reports_all_the_time_is_held_back(server: ApiServer, step: Step) -> None:
    async def story(operator: Operator) -> None:
        operator.cache.put(slim(step.pod))
        token = step.token()
        said = [(await operator.post(token, {"percent": n}))[0] for n in range(6)]
        assert said == [204, 204, 204, 204, 429, 429]

    with_operator(server, story)


def test_an_operator_without_the_right_says_so(server: ApiServer, step: Step) -> None:
    async def story(operator: Operator) -> None:
        operator.cache.put(slim(step.pod))
        status, said = await operator.post(step.token(), {"percent": 1})
        assert (status, "docs/operations.md" in said) == (503, True)

    with_operator(server, story, user="alice")
