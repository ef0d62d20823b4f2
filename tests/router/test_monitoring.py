"""Every metric that the dashboard or an alert asks for is exported by one of the programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from comal_operator.shell import metrics
from comal_scorer.measurements import Measurements
from comal_scorer.settings import Settings
from monitoring import metrics_named
from router.endpoint import EVERYBODY, Endpoint
from router.running import Router, until
from router.scorers import Scorer

SERVED = Settings(
    model_dir=Path("/model"), model_digest="", model_name="a", model_version="1", revision="a1"
)
pytestmark = pytest.mark.timeout(180)


def exported(exposed: str) -> set[str]:
    """Return the names that a Prometheus can ask for."""
    found: set[str] = set()
    for line in exposed.splitlines():
        words = line.split()
        if words[:2] == ["#", "TYPE"]:
            # Without an object in trouble there is no sample, but the family is there.
            found.add(words[2] + ("_bucket" if words[3] == "histogram" else ""))
        elif words and words[0] != "#":
            found.add(re.split("[{ ]", line, maxsplit=1)[0])
    return found


def test_every_metric_asked_for_is_exported(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    assert metrics.TROUBLE is not None
    operator = exported(generate_latest().decode())
    scorer = exported(Measurements(SERVED, 1).exposition().decode())
    wanted = {name for name in metrics_named() if name not in operator | scorer}
    assert wanted
    assert {name for name in wanted if not name.startswith("envoy_")} == set()

    endpoint = Endpoint(scorers, stable=1)
    router = running(endpoint.routing("50"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    router.score(10)

    # Histograms are merged every few seconds.
    until(
        f"a router exports {wanted}",
        lambda: wanted <= exported(router.statistics("/stats/prometheus")[1]),
    )
