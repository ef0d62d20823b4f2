"""The hash of a header keeps a caller at one revision, within the shares."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from comal_operator.core.serving.handling import Handling
from router.endpoint import EVERYBODY, Endpoint
from router.running import Router, is_about, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)

STICKY = Handling(sticky_by="x-user-id")
USERS = [f"user-{number}" for number in range(400)]


def homes(router: Router) -> dict[str, str]:
    """Return who answers each user; whoever answers does so twice."""
    found = {}
    for user in USERS:
        got = router.score(2, headers={"x-user-id": user})
        assert len(got) == 1, (user, got)
        found[user] = next(iter(got))
    return found


def test_a_caller_stays_while_the_share_rises(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("10", STICKY))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    at_ten = {user for user, home in homes(router).items() if home == "candidate"}
    assert 15 <= len(at_ten) <= 70

    router.follow(endpoint.routing("50", STICKY))
    at_fifty = {user for user, home in homes(router).items() if home == "candidate"}
    assert 150 <= len(at_fifty) <= 250
    assert at_ten <= at_fifty

    got = router.score(1000)
    assert is_about(got, {"stable": 500, "candidate": 500}), "without the header shares stay exact"
    router.follow(endpoint.routing("0", STICKY))
    assert set(homes(router).values()) == {"stable"}


def test_a_home_that_died_costs_no_caller_an_answer(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("50", STICKY))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    for one in endpoint.candidate:
        one.stop()
    for user in USERS[:100]:
        got = router.score(2, fresh=True, headers={"x-user-id": user})
        assert got["stable"] + got["last"] == 2, got
