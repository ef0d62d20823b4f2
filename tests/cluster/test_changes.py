"""Callers notice no change of version and no death: five rollouts, thirty thousand requests.

Not beside other stories: the operator and the API server go away in the middle of it.
"""

from __future__ import annotations

import pytest

from demo.kubectl import Kubectl
from traffic.story import print_rows, watch

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]


def test_no_change_costs_a_caller_an_answer(kubectl: Kubectl) -> None:
    listed = watch(kubectl, count=5, requests=30_000, rate=200)
    print_rows(listed)
    total = listed[-1]
    assert total.requests >= 30_000
    assert {one.name: (one.lost, one.wrong) for one in listed} == {
        one.name: (0, 0) for one in listed
    }, [example for one in listed for example in one.examples]
