"""Variants at a real Envoy: exact shares beside the rollout's, callers who name one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.handling import Handling, Role, Rule
from router.running import Router, until
from router.scorers import Scorer
from router.test_limits import error

pytestmark = pytest.mark.timeout(180)

NAMED = {"azureml-model-deployment": "green"}


class Variants:
    """A stable revision, a candidate, and two variants of which one stands by."""

    def __init__(self, scorers: Callable[[str], Scorer]) -> None:
        self.pods = {
            word: [scorers(word) for _ in range(2)]
            for word in ("stable", "candidate", "green", "blue")
        }

    def routing(self, handling: Handling | None = None, **percents: str) -> Routing:
        roles = {"stable": Role.STABLE, "candidate": Role.CANDIDATE}
        backends = tuple(
            Backend(
                word, percent, tuple(one.address for one in self.pods[word]), roles.get(word, word)
            )
            for word, percent in percents.items()
        )
        handling = handling or Handling(variants=("blue", "green"))
        return Routing("diabetes", backends, None, 5.0, handling)


def started(
    variants: Variants, running: Callable[..., Router], handling: Handling | None = None
) -> Router:
    shares = {"stable": "62.3", "candidate": "7", "green": "30.7", "blue": "0"}
    router = running(variants.routing(handling, **shares))
    until("all are healthy", lambda: router.whole() == set(shares))
    return router


def test_shares_of_many_are_exact_and_nothing_is_nothing(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    variants = Variants(scorers)
    router = started(variants, running)
    for _ in range(2):
        got = router.score(1000)
        for word, percent in {"stable": 62.3, "candidate": 7, "green": 30.7}.items():
            assert abs(got[word] / 10 - percent) <= 0.3, got
        assert got["blue"] == 0
    router.follow(variants.routing(stable="0", green="0.1", blue="99.9"))
    got = router.score(2000)
    assert got["green"] + got["blue"] == 2000
    assert abs(got["green"] - 2) <= 3, got


def test_who_names_a_variant_reaches_it_whatever_the_shares(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    router = started(Variants(scorers), running)
    assert router.score(30, headers=NAMED) == {"green": 30}
    assert router.score(30, headers={"azureml-model-deployment": "blue"}) == {"blue": 30}
    answer = router.ask({"azureml-model-deployment": "purple"})
    assert (answer.status, error(answer.text)) == (404, "unknown-variant")
    assert "blue, green" in answer.text


def test_a_rule_may_lead_to_a_variant(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    rule = Rule("x-api-version", "two", "blue")
    router = started(
        Variants(scorers), running, Handling(rules=(rule,), variants=("blue", "green"))
    )
    assert router.score(30, headers={"x-api-version": "two"}) == {"blue": 30}


def test_a_dead_variant_costs_no_caller_an_answer(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    variants = Variants(scorers)
    router = started(variants, running)
    for one in variants.pods["green"]:
        one.stop()
    got = router.score(500, fresh=True)
    assert got["stable"] + got["candidate"] == 500, got
    assert router.score(20, fresh=True, headers=NAMED)["stable"] > 0


def test_sticky_callers_stay_at_their_variant_while_a_candidate_rises(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    variants = Variants(scorers)
    sticky = Handling(variants=("blue", "green"), sticky_by="x-user")
    router = started(variants, running, sticky)

    def chosen() -> dict[str, str]:
        users = [f"user-{number}" for number in range(200)]
        return {one: next(iter(router.score(1, headers={"x-user": one}))) for one in users}

    before = chosen()
    router.follow(variants.routing(sticky, stable="29.3", candidate="40", green="30.7", blue="0"))
    after = chosen()
    assert {one for one, word in before.items() if word == "green"} == {
        one for one, word in after.items() if word == "green"
    }
    kept = [one for one, word in before.items() if word == "candidate"]
    assert kept
    assert all(after[one] == "candidate" for one in kept)
