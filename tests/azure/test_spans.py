"""Spans of a real Envoy and a real scorer reach Application Insights by what passes them on."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.handling import Role
from comal_operator.core.serving.tracing import Traces
from comal_trainer.contract import TERMINATION_LOG_ENV
from comal_trainer.contract.spans import Insights, relay_arguments
from comal_trainer.spans.queue import Waiting
from fake_azure import insights
from fake_azure.bed import Bed
from fake_azure.journal import Fault
from router.running import Router, start, until
from unit.scorer.model_folders import diabetes
from unit.scorer.scorer_process import ScorerProcess, free_port

pytestmark = pytest.mark.timeout(600)

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = json.dumps({"data": [[0.0] * 10]}).encode()
PLACE = Insights(subject="system:serviceaccount:team:diabetes-serving", secret="ai", key="string")
_PATIENCE = 120.0


@dataclass
class Relay:
    """The process as its Pod starts it, again and again; each has an instrumentation key."""

    folder: Path
    environment: dict[str, str]
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connection_string(self) -> str:
        return f"InstrumentationKey={self.key};IngestionEndpoint=https://{insights.HOST}/"

    def say(self, text: str | None) -> None:
        """Write the Secret as the kubelet does: all at once."""
        file = self.folder / "connection-string"
        if text is None:
            file.unlink(missing_ok=True)
            return
        (self.folder / "new").write_text(text)
        (self.folder / "new").rename(file)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-W", "ignore", "-m", "comal_trainer"),
                *relay_arguments(PLACE),
                f"--connection={self.folder / 'connection-string'}",
                f"--memory={self.folder / 'told'}",
                f"--port={self.port}",
            ],
            env=self.environment,
            stdout=(self.folder / "log").open("a"),
            stderr=subprocess.STDOUT,
            text=True,
        )

    def told(self) -> dict[str, str]:
        """Return its last words, once it has ended."""
        assert self.process is not None
        assert self.process.wait(_PATIENCE) == 1
        words: dict[str, str] = json.loads((self.folder / "answer").read_text())
        return words

    def is_ready(self) -> bool | None:
        """Return what its probe says; None while nobody answers."""
        try:
            return requests.get(f"{self.endpoint}/readyz", timeout=30).status_code == 200
        except requests.ConnectionError:
            return None

    def counts(self) -> dict[str, int]:
        lines = requests.get(f"{self.endpoint}/metrics", timeout=30).text.splitlines()[1:]
        return {one.split('"')[1]: int(one.rpartition(" ")[2]) for one in lines}

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def arrived(self, bed: Bed) -> list[dict[str, Any]]:
        return [one for one in list(bed.envelopes) if one["iKey"] == self.key]


@pytest.fixture
def relay(bed: Bed, tmp_path: Path) -> Iterator[Relay]:
    folder = tmp_path / "relay"
    folder.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        TERMINATION_LOG_ENV: str(folder / "answer"),
        **bed.environment(),
    }
    made = Relay(folder, environment)
    made.say(made.connection_string)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait(30)


@pytest.fixture
def endpoint(tmp_path: Path, relay: Relay) -> Iterator[Router]:
    """A router before a scorer; both send to the relay, and trace what asks for it."""
    folder = tmp_path / "scorer"
    folder.mkdir()
    scorer = ScorerProcess(
        diabetes()[0],
        folder,
        OTEL_EXPORTER_OTLP_ENDPOINT=relay.endpoint,
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0",
        OTEL_SERVICE_NAME="diabetes-scorer",
        OTEL_RESOURCE_ATTRIBUTES="service.namespace=team",
        OTEL_BSP_SCHEDULE_DELAY="100",
    ).wait_ready(_PATIENCE)
    backend = Backend("a1", "100", (("127.0.0.1", scorer.port),), Role.STABLE, "diabetes-v1")
    traces = Traces("127.0.0.1", relay.port, "0", "team")
    router = start(tmp_path, Routing("diabetes", (backend,), None, 20.0, traces=traces), threads=1)
    yield router
    router.process.kill()
    router.process.wait(30)
    scorer.stop()


def a_body(name: str = "GET /score", count: int = 1) -> bytes:
    """Return what a client of OTLP sends."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(count):
        scope.spans.add(
            name=name,
            trace_id=uuid.uuid4().bytes,
            span_id=(number + 1).to_bytes(8, "big"),
            kind=2,
            start_time_unix_nano=10**18,
            end_time_unix_nano=10**18 + 10**6,
        )
    return bytes(request.SerializeToString())


def post(relay: Relay, body: bytes, path: str = "/v1/traces", **headers: str) -> int:
    named = {"content-type": "application/x-protobuf"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return requests.post(f"{relay.endpoint}{path}", body, headers=named, timeout=60).status_code


def test_a_request_is_one_operation_in_the_portal(bed: Bed, relay: Relay, endpoint: Router) -> None:
    relay.start()
    until("it is ready", lambda: relay.is_ready() is True)
    until("all are healthy", lambda: endpoint.whole() == {"a1"})
    sent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    assert endpoint.ask(sent, "/score?key=secret", GOOD).status == 200
    assert endpoint.ask(sent, "/score", b"no JSON").status == 400

    until("all six spans arrive", lambda: len(relay.arrived(bed)) >= 6)
    found = relay.arrived(bed)
    assert {one["tags"]["ai.operation.id"] for one in found} == {TRACE}
    assert "secret" not in json.dumps(found)

    def of(role: str, kind: str, code: str) -> dict[str, Any]:
        [one] = [
            one
            for one in found
            if one["tags"]["ai.cloud.role"] == f"team.{role}"
            and one["data"]["baseType"] == kind
            and (one["data"]["baseData"].get("responseCode", code) == code)
            and (one["data"]["baseData"].get("resultCode", code) == code)
        ]
        return one

    for code, is_good in (("200", True), ("400", False)):
        whole = of("diabetes-router", "RequestData", code)
        tried = of("diabetes-router", "RemoteDependencyData", code)
        scored = of("diabetes-scorer", "RequestData", code)
        assert whole["tags"]["ai.operation.parentId"] == CALLER
        assert tried["tags"]["ai.operation.parentId"] == whole["data"]["baseData"]["id"]
        assert scored["tags"]["ai.operation.parentId"] == tried["data"]["baseData"]["id"]
        assert tried["data"]["baseData"]["resultCode"] == code
        for one in (whole, scored):
            assert one["data"]["baseData"]["name"] == "POST /score"
            assert one["data"]["baseData"]["success"] is is_good
    properties = of("diabetes-router", "RequestData", "200")["data"]["baseData"]["properties"]
    assert properties["comal.model_version"] == "diabetes-v1"
    scored = of("diabetes-scorer", "RequestData", "400")
    assert scored["data"]["baseData"]["properties"]["comal.error"] == "body-not-json"
    # Nobody but the ingestion was called: not for statistics, not for orders.
    assert bed.journal.refused == []
    assert {one.host for one in bed.journal.calls()} == {insights.HOST}

    assert relay.process is not None
    relay.process.send_signal(signal.SIGTERM)
    assert relay.process.wait(_PATIENCE) == 0
    # Tracing hurts nobody: its relay is away.
    assert endpoint.ask(sent, body=GOOD).status == 200


@pytest.mark.parametrize("status", [429, 500])
def test_trouble_that_passes_costs_no_span(bed: Bed, relay: Relay, status: int) -> None:
    relay.start()
    until("it is ready", lambda: relay.is_ready() is True)
    bed.journal.order(Fault(path="/track", status=status, headers={"Retry-After": "1"}))
    assert post(relay, a_body()) == 200
    until("it arrives", lambda: len(relay.arrived(bed)) == 1)
    until("it is counted", lambda: relay.counts() == {"taken": 1, "sent": 1, "dropped": 0})


def test_a_spent_quota_is_counted_and_no_fault_of_the_string(bed: Bed, relay: Relay) -> None:
    relay.start()
    until("it is ready", lambda: relay.is_ready() is True)
    bed.journal.order(Fault(path="/track", status=402))
    assert post(relay, a_body()) == 200
    until("it is counted", lambda: relay.counts()["dropped"] == 1)
    assert relay.is_ready()
    until("it is told", lambda: "spans are lost" in relay.log() and "HTTP 402" in relay.log())
    assert post(relay, a_body()) == 200
    until("the next arrives", lambda: len(relay.arrived(bed)) == 1)


def test_azure_that_hangs_holds_nobody_up(bed: Bed, relay: Relay) -> None:
    relay.start()
    until("it is ready", lambda: relay.is_ready() is True)
    bed.journal.order(Fault(path="/track", is_black_hole=True, times=1000))
    assert post(relay, a_body()) == 200
    until("Azure is asked", lambda: relay.counts()["taken"] == 1)
    for _ in range(20):
        assert post(relay, a_body()) == 200
    assert relay.is_ready()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "ConnectionStringMissing"),
        ("InstrumentationKey=planted-no-id", "ConnectionStringInvalid"),
    ],
)
def test_a_string_that_is_none_is_told_once_and_heals(
    bed: Bed, relay: Relay, text: str | None, reason: str
) -> None:
    relay.say(text)
    relay.start()
    told = relay.told()
    assert told["reason"] == reason
    assert "telemetry.azureMonitor.connectionString: key string of Secret ai" in told["message"]
    assert "planted" not in json.dumps(told) + relay.log()
    # The next one stays, so that the kubelet does not make it wait, and takes what comes then.
    relay.start()
    until("it waits", lambda: relay.is_ready() is False)
    relay.say(relay.connection_string)
    until("it is ready", lambda: relay.is_ready() is True)
    assert post(relay, a_body()) == 200
    until("it arrives", lambda: len(relay.arrived(bed)) == 1)


def test_a_refused_string_is_told_and_another_one_is_taken(bed: Bed, relay: Relay) -> None:
    fault = Fault(path="/track", status=400, times=1000)
    bed.journal.order(fault)
    relay.start()
    until("it is ready", lambda: relay.is_ready() is True)
    assert post(relay, a_body()) == 200
    told = relay.told()
    assert told["reason"] == "ConnectionStringRefused"
    assert f"{insights.HOST} refuses what is sent with it (HTTP 400)" in told["message"]
    assert relay.key not in json.dumps(told) + relay.log()
    # The same string is tried on, and found to be good as soon as it is.
    relay.start()
    until("it waits", lambda: relay.is_ready() is False)
    assert post(relay, a_body()) == 200
    until("that is lost too", lambda: relay.counts()["dropped"] == 1)
    fault.times = 0
    assert post(relay, a_body()) == 200
    until("it is ready", lambda: relay.is_ready() is True)
    # Another one is taken without a start.
    relay.key = str(uuid.uuid4())
    relay.say(relay.connection_string)

    def arrives() -> bool:
        assert post(relay, a_body()) == 200
        return bool(relay.arrived(bed))

    until("it arrives by the new one", arrives)


def test_what_is_no_otlp_is_refused(relay: Relay) -> None:
    relay.start()
    until("it is ready", lambda: relay.is_ready() is True)
    assert post(relay, gzip.compress(a_body()), content_encoding="gzip") == 200
    assert post(relay, b"\xff\xff\xff") == 400
    assert post(relay, b"no gzip", content_encoding="gzip") == 400
    assert post(relay, gzip.compress(b"\0" * (8 << 20)), content_encoding="gzip") == 413
    assert post(relay, b"{}", content_type="application/json") == 415
    assert post(relay, a_body(), path="/v1/logs") == 404


def test_what_waits_is_bounded_and_what_does_not_fit_is_counted() -> None:
    waiting = Waiting(max_bytes=250)
    body = b"x" * 100
    assert [waiting.put(body, 7) for _ in range(3)] == [True, True, False]
    assert waiting.counts == {"taken": 14, "sent": 0, "dropped": 7}
    assert waiting.take(0, 0) == [body, body]
    assert waiting.put(body, 7)
