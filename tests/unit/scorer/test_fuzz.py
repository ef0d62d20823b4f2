"""The part of `make fuzz-scorer` that CI runs: about five thousand calls over every contract."""

from __future__ import annotations

import re

import pytest

from fuzz.campaign import attack, conform
from fuzz.services import Service, services

CALLS = 700
EXAMPLES = 20
SEED = 1

each_service = pytest.mark.parametrize(
    "service", list(services()), ids=lambda service: service.name
)


@each_service
def test_no_call_makes_it_fail(service: Service) -> None:
    findings = attack(service, CALLS, SEED)

    assert findings.wrong == []
    assert findings.calls == CALLS
    # The mutations must not all be caught by the first check.
    assert findings.statuses[200] > 0
    assert findings.statuses[400] > 0


@each_service
def test_what_it_says_of_itself_is_true(service: Service) -> None:
    code, report = conform(service, EXAMPLES, SEED)

    assert code == 0, report
    assert int(re.findall(r"(\d+) generated", report)[-1]) > 50
