"""Spans of a real Envoy and a real scorer meet in one trace at a real receiver."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.handling import Role
from comal_operator.core.serving.tracing import Traces
from otlp_receiver import Receiver, otlp_receiver
from router.running import Router, until
from unit.scorer.model_folders import diabetes
from unit.scorer.scorer_process import ScorerProcess

pytestmark = pytest.mark.timeout(600)

GOOD = json.dumps({"data": [[0.0] * 10]}).encode()
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_PATIENCE = 120.0
SAMPLED, UNSAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE[::-1]}-{CALLER}-00"


@pytest.fixture
def scorer_told(tmp_path: Path) -> Iterator[Callable[..., ScorerProcess]]:
    """Start a scorer as a Pod with `telemetry` does."""
    started: list[ScorerProcess] = []

    def start(endpoint: str, sample: str) -> ScorerProcess:
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": sample,
            "OTEL_SERVICE_NAME": "diabetes-scorer",
            "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=team",
            # Not the SDK's five seconds: nothing here depends on it but the test's length.
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        folder = tmp_path / "scorer"
        folder.mkdir()
        started.append(ScorerProcess(diabetes()[0], folder, **told))
        # OpenTelemetry's modules are many, and a machine may have much else to do.
        return started[-1].wait_ready(_PATIENCE)

    yield start
    for one in started:
        one.stop()


def routed(scorer: ScorerProcess, host: str, port: int, sample: str) -> Routing:
    address = ("127.0.0.1", scorer.port)
    backend = Backend("a1", "100", (address,), Role.STABLE, "diabetes-v1")
    traces = Traces(host, port, sample, "team")
    return Routing("diabetes", (backend,), None, 20.0, traces=traces)


def everything_healthy(router: Router) -> None:
    until("all are healthy", lambda: router.whole() == {"a1"})


def test_a_request_is_one_trace_through_router_and_scorer(
    scorer_told: Callable[..., ScorerProcess], running: Callable[..., Router]
) -> None:
    with otlp_receiver() as receiver:
        scorer = scorer_told(receiver.endpoint, "0")
        router = running(routed(scorer, "127.0.0.1", receiver.port, "0"))
        everything_healthy(router)
        identifier = "0af76519-16cd-43dd-8448-eb211c80319c"
        # Sampled are those whose callers are, and nobody else.
        router.ask({"traceparent": UNSAMPLED}, body=GOOD)
        router.ask(body=GOOD)
        sent = {"traceparent": SAMPLED, "x-request-id": identifier}
        answer = router.ask(sent, "/score?key=secret", GOOD)
        assert answer.status == 200, answer.text

        until("both have told", lambda: len(receiver.spans()) >= 3)
        [scored] = receiver.spans("diabetes-scorer")
        [whole] = [one for one in receiver.spans("diabetes-router") if one.kind == "SERVER"]
        [tried] = [one for one in receiver.spans("diabetes-router") if one.kind == "CLIENT"]
        assert {one.trace for one in receiver.spans()} == {TRACE}
        assert (whole.parent, tried.parent, scored.parent) == (CALLER, whole.own, tried.own)
        assert (whole.name, tried.name, scored.name) == ("POST /score", "try 1", "POST /score")
        assert scored.kind == "SERVER"
        assert {one.service["service.namespace"] for one in (whole, scored)} == {"team"}
        assert scored.service["service.version"] == "3"
        assert scored.attributes["http.status_code"] == 200
        assert scored.attributes["comal.predictions"] == 1
        assert tried.attributes["comal.revision"] == "a1"
        for one in (whole, scored):
            assert one.attributes["guid:x-request-id"] == identifier
        assert b"secret" not in b"".join(receiver.bodies)

        until("it is logged", lambda: len(router.logged()) >= 3)
        unsampled, _, line = router.logged()
        last = scorer.log_lines(at_least=3)[-1]
        assert line["traceparent"] == last["traceparent"] == f"00-{TRACE}-{tried.own}-01"
        assert line["traceId"] == TRACE
        assert unsampled["traceparent"].startswith(f"00-{TRACE[::-1]}-")
        assert unsampled["traceparent"].endswith("-00")
        assert (line["requestId"], last["requestId"]) == (identifier, identifier)


def test_a_request_without_a_trace_begins_one(
    scorer_told: Callable[..., ScorerProcess], running: Callable[..., Router]
) -> None:
    with otlp_receiver() as receiver:
        scorer = scorer_told(receiver.endpoint, "1")
        router = running(routed(scorer, "127.0.0.1", receiver.port, "1"))
        everything_healthy(router)
        assert router.ask(body=b"no JSON").status == 400
        assert router.ask({"x-comal-revision": "c3"}, body=GOOD).status == 404

        until("both have told", lambda: len(receiver.spans()) >= 4)
        [scored] = receiver.spans("diabetes-scorer")
        tops = [one for one in receiver.spans("diabetes-router") if one.kind == "SERVER"]
        assert {one.parent for one in tops} == {""}
        assert len({one.trace for one in tops}) == 2
        assert scored.trace in {one.trace for one in tops}
        assert scored.attributes["error.type"] == "body-not-json"

        until("both are logged", lambda: len(router.logged()) >= 2)
        refused = router.logged()[-1]
        assert refused["code"] == 404
        assert refused["traceId"] in {one.trace for one in tops} - {scored.trace}


def test_a_collector_that_hangs_holds_nobody_up(
    scorer_told: Callable[..., ScorerProcess], running: Callable[..., Router]
) -> None:
    with otlp_receiver(hangs=True) as receiver:
        scorer = scorer_told(receiver.endpoint, "1")
        router = running(routed(scorer, "127.0.0.1", receiver.port, "1"))
        _answers(scorer, router, receiver)
        scorer.signal(signal.SIGTERM)
        assert scorer.exit_code() == 0


def test_a_collector_that_is_not_there_costs_no_answer(
    scorer_told: Callable[..., ScorerProcess], running: Callable[..., Router]
) -> None:
    with socket.socket() as taken:
        # Bound and never listening: nobody else gets the port, and who calls is refused.
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        scorer = scorer_told(f"http://127.0.0.1:{port}", "1")
        router = running(routed(scorer, "no-such-collector.invalid", port, "1"))
        _answers(scorer, router, None)
        until("the scorer says so", lambda: "traces are lost" in scorer.errors())
        assert "Traceback" not in scorer.errors()
        scorer.signal(signal.SIGTERM)
        assert scorer.exit_code() == 0


def _answers(scorer: ScorerProcess, router: Router, receiver: Receiver | None) -> None:
    """Ask until spans have been offered, and as often again; every call is answered."""
    everything_healthy(router)
    for _ in range(2):
        for _ in range(50):
            assert router.ask(body=GOOD).status == 200
        if receiver is not None:
            assert receiver.asked.wait(60)
    assert len(scorer.log_lines(at_least=100)) == 100
