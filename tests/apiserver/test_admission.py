"""Nobody gains through an object of ours: each attack is stopped, and its honest twin is not."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from apiserver.attacks.attack import Attack, Request
from apiserver.attacks.catalogue import CATALOGUE
from apiserver.attacks.serving import SERVING
from apiserver.attacks.training import TRAINING
from apiserver.people import People, install_admission
from apiserver.server import ApiServer, api_server

pytestmark = pytest.mark.apiserver
ATTACKS = (*TRAINING, *SERVING, *CATALOGUE)
SMUGGLED = tuple(attack for attack in ATTACKS if attack.drops)


@pytest.fixture(scope="module")
def guarded() -> Iterator[ApiServer]:
    """An API server of its own: other tests must not need the rights that the policies ask for."""
    with api_server() as running:
        install_admission(running.client("admin"))
        yield running


@pytest.fixture
def people(guarded: ApiServer) -> People:
    """Two fresh namespaces and whoever is wanted in them."""
    return People(guarded, uuid.uuid4().hex[:8])


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.title.replace(" ", "-"))
def test_an_attack_is_stopped_and_its_honest_twin_is_not(attack: Attack, people: People) -> None:
    for request in attack.exists:
        status, answer = people.founder(request).send(request)
        assert status < 300, answer["message"]
    people.grant(attack.user, attack.held)
    people.grant(attack.user, attack.elsewhere, neighbour=True)

    status, answer = people.of(attack.user).send(attack.request)

    assert status in (400, 403, 422), answer
    assert people.fill(attack.says) in answer["message"]

    people.grant(attack.user, attack.honest_rights)
    honest = people.of(attack.honest_user or attack.user)
    status, answer = honest.send(attack.honest_request or attack.request)
    assert status < 300, answer["message"]


@pytest.mark.parametrize("attack", SMUGGLED, ids=lambda attack: attack.title.replace(" ", "-"))
def test_a_client_that_does_not_validate_smuggles_nothing(attack: Attack, people: People) -> None:
    people.grant(attack.user, attack.held)

    status, stored = people.of(attack.user).send(attack.request, validation="Ignore")

    assert status < 300, stored["message"]
    assert not [
        field for field in attack.drops if field.rpartition(".")[2] in _keys(stored["spec"])
    ]


def test_a_status_sent_with_a_new_object_is_dropped(people: People) -> None:
    run = TRAINING[0].request
    body = {**run.body, "status": {"modelVersion": "diabetes-v1", "observedGeneration": 7}}
    people.grant("mallory", (*TRAINING[0].held, *TRAINING[0].honest_rights))

    status, stored = people.of("mallory").send(Request(run.method, run.path, body))

    assert status < 300, stored["message"]
    assert stored["status"] == {"observedGeneration": -1}


def test_a_refusal_says_how_to_grant_the_right(people: People) -> None:
    people.grant("mallory", TRAINING[0].held)

    _, answer = people.of("mallory").send(TRAINING[0].request)

    assert people.fill(
        "you (mallory) may not create jobs in namespace {namespace}, which this TrainingRun would"
        " do for you; to grant it: kubectl create rolebinding comal-edit --namespace {namespace}"
        " --clusterrole edit --user mallory"
    ) in answer["message"]  # fmt: skip


def test_the_largest_run_that_the_schema_allows_can_be_judged(people: People) -> None:
    """The cost of `authorizer` in CEL is bounded: 32 steps of 64 variables must fit."""
    names = [f"{kind}-{'x' * 240}-{i}" for kind in ("s", "c") for i in range(8)]
    refs = ["secretKeyRef"] * 8 + ["configMapKeyRef"] * 8
    env = [{"name": f"V{i}", refs[i % 16]: {"name": names[i % 16], "key": "k"}} for i in range(64)]
    steps = [{"name": f"s{i}", "env": env} for i in range(32)]
    request = TRAINING[0].request
    spec = {"steps": steps, "serviceAccountName": "training"}
    large = Request(request.method, request.path, {**request.body, "spec": spec})
    rights = (*TRAINING[0].held, *TRAINING[0].honest_rights, "use serviceaccounts:training")
    people.grant("mallory", (*rights, "get secrets"))

    status, answer = people.of("mallory").send(large)
    assert status == 403, answer
    assert f"may not get configmaps/{names[8]}" in answer["message"]

    people.grant("mallory", ("get configmaps",))
    status, answer = people.of("mallory").send(large)
    assert status < 300, answer["message"]


def test_the_table_is_as_long_as_promised(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nadmission: {len(ATTACKS)} attacks, each with an honest twin")
    assert len({attack.title for attack in ATTACKS}) == len(ATTACKS) >= 24


def _keys(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set(value).union(*(_keys(one) for one in value.values()), set())
    if isinstance(value, list):
        return set().union(*(_keys(one) for one in value), set())
    return set()
