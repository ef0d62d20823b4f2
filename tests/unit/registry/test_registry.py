"""What a ModelRegistry and a ModelVersion need, moment by moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from argo_cd import argo_health
from comal_operator.core.plan import (
    Apply,
    CreateCredentials,
    EventsOf,
    Manifest,
    Plan,
    Seen,
    WriteStatus,
)
from comal_operator.core.registry.address import location, split_location
from comal_operator.core.registry.decide import plan_model_registry
from comal_operator.core.registry.version import plan_model_version
from gitops_eyes import eyes
from make import NOON, SETTINGS, a_registry, a_version, an_object, conditions, owned

LOGIN = "comal-registry-default-login"


def a_new_registry() -> dict[str, Any]:
    return {**a_registry(), "status": {}}


def seen(*things: Manifest, answers: Any = None, refusals: Any = None) -> Seen:
    objects = {(thing["kind"], thing["metadata"]["name"]): thing for thing in things}
    return Seen(objects, answers or {}, refusals or {})


def look(registry: Manifest, what: Seen) -> Plan:
    return plan_model_registry(registry, what, now=NOON, settings=SETTINGS)


def status_of(plan: Plan) -> Any:
    return next(action.status for action in plan.actions if isinstance(action, WriteStatus))


def everything(registry: Manifest, *, available: int = 1) -> list[Manifest]:
    """Return the registry's children, as they are once it runs."""
    [applied] = [a for a in look(registry, seen()).actions if isinstance(a, Apply)]
    children = [owned(child, registry) for child in applied.manifests]
    return [
        {**child, "status": {"availableReplicas": available}}
        if child["kind"] == "Deployment"
        else child
        for child in children
    ]


def settled(registry: Manifest, *things: Manifest) -> dict[str, Any]:
    """Return the registry after a look with its login made."""
    secret = an_object("Secret", LOGIN, api="v1")
    plan = look(registry, seen(*everything(registry), secret, *things))
    return {**registry, "status": status_of(plan)}


def test_a_new_registry_gets_login_and_children() -> None:
    plan = look(a_new_registry(), seen())
    assert [type(action) for action in plan.actions] == [CreateCredentials, Apply, WriteStatus]
    assert conditions(status_of(plan))["Ready"] == ("False", "Starting")


def test_the_login_is_made_before_it_is_remembered() -> None:
    assert "loginSecret" not in status_of(look(a_new_registry(), seen()))
    assert settled(a_new_registry())["status"]["loginSecret"] == LOGIN


def test_the_second_look_is_silent() -> None:
    registry = settled(a_new_registry())
    assert conditions(registry["status"]) == {"Ready": ("True", "Serving")}
    plan = look(registry, seen(*everything(registry)))
    assert (plan.actions, plan.questions, plan.requeue_after) == ((), (), None)


def test_the_login_is_made_again_when_a_pod_misses_it() -> None:
    registry = settled(a_new_registry())
    pod = an_object("Pod", "register", api="v1", status={"phase": "Pending"})
    [question] = look(registry, seen(*everything(registry), pod)).questions
    assert isinstance(question, EventsOf)

    said = {question: [("FailedMount", f'secret "{LOGIN}" not found')]}
    plan = look(registry, seen(*everything(registry), pod, answers=said))
    assert [type(action) for action in plan.actions] == [CreateCredentials]


def test_drift_is_put_right() -> None:
    registry = settled(a_new_registry())
    children = [child for child in everything(registry) if child["kind"] != "Service"]
    [action] = look(registry, seen(*children)).actions
    assert isinstance(action, Apply)
    assert [child["kind"] for child in action.manifests] == ["Service"]


def test_somebody_elses_claim_is_not_taken() -> None:
    foreign = an_object("PersistentVolumeClaim", "comal-registry-default", api="v1")
    plan = look(a_new_registry(), seen(foreign))
    [action] = plan.actions
    assert isinstance(action, WriteStatus)
    assert conditions(action.status)["Stalled"] == ("True", "NameConflict")


def test_a_refused_child_is_told_and_not_repeated_at_once() -> None:
    registry = a_new_registry()
    refusals = {("PersistentVolumeClaim", "comal-registry-default"): "too large"}
    plan = look(registry, seen(refusals=refusals))
    assert conditions(status_of(plan))["Ready"] == ("False", "ChildRefused")


def test_a_storage_class_that_is_not_there() -> None:
    registry = settled(a_new_registry())
    children = everything(registry, available=0)
    claim = next(child for child in children if child["kind"] == "PersistentVolumeClaim")
    pending = {**claim, "status": {"phase": "Pending"}}
    things = [child for child in children if child is not claim] + [pending]
    [question] = look(registry, seen(*things)).questions
    said = {question: [("ProvisioningFailed", 'storageclass "nope" not found')]}
    status = status_of(look(registry, seen(*things, answers=said)))
    assert conditions(status)["Ready"] == ("False", "StorageClassNotFound")
    assert eyes().kstatus({**registry, "status": status}) == "Failed"


def test_numbers_are_remembered_when_versions_are_gone() -> None:
    registry = settled(a_new_registry(), a_version(1), a_version(2))
    assert registry["status"]["lastVersions"] == {"diabetes": 2}
    plan = look(registry, seen(*everything(registry)))
    assert plan.actions == ()


def see_version(version: Manifest, *others: Manifest) -> dict[str, Any]:
    what = seen(version, *others)
    plan = plan_model_version(version, what, now=NOON, settings=SETTINGS)
    status = status_of(plan) if plan.actions else version["status"]
    return {**version, "status": status}


def test_a_version_is_ready_where_its_registry_is() -> None:
    version = see_version(a_version(1, mse="3295.714948", primaryMetric="mse"), a_registry())
    assert conditions(version["status"]) == {"Ready": ("True", "Registered")}
    assert version["status"]["metric"].startswith("mse=3295.7")
    assert see_version(version, a_registry()) == version


def test_a_version_without_its_registry_is_not_ready() -> None:
    version = see_version(a_version(1))
    assert conditions(version["status"]) == {
        "Ready": ("False", "RegistryNotFound"),
        "Stalled": ("True", "RegistryNotFound"),
    }


def unavailable() -> dict[str, Any]:
    registry = settled(a_new_registry())
    plan = look(registry, seen(*everything(registry, available=0)))
    return {**registry, "status": status_of(plan)}


def squatted() -> dict[str, Any]:
    foreign = an_object("PersistentVolumeClaim", "comal-registry-default", api="v1")
    return {**a_new_registry(), "status": status_of(look(a_new_registry(), seen(foreign)))}


def starting() -> dict[str, Any]:
    return {**a_new_registry(), "status": status_of(look(a_new_registry(), seen()))}


@pytest.mark.parametrize(
    ("moment", "reason", "kstatus", "argo"),
    [
        (starting, "Starting", "InProgress", "Progressing"),
        (lambda: settled(a_new_registry()), "Serving", "Current", "Healthy"),
        (unavailable, "Unavailable", "InProgress", "Degraded"),
        (squatted, "NameConflict", "Failed", "Degraded"),
        (lambda: see_version(a_version(1), a_registry()), "Registered", "Current", "Healthy"),
        (lambda: see_version(a_version(1)), "RegistryNotFound", "Failed", "Degraded"),
        (
            lambda: see_version(a_version(1), a_registry(ready=False)),
            "RegistryNotReady",
            "InProgress",
            "Progressing",
        ),
    ],
)
def test_what_gitops_tools_make_of_it(
    moment: Callable[[], dict[str, Any]], reason: str, kstatus: str, argo: str
) -> None:
    thing = moment()
    assert conditions(thing["status"])["Ready"][1] == reason
    assert eyes().kstatus(thing) == kstatus
    assert argo_health(thing)[0] == argo


def test_an_alias_moves_to_the_version_that_claims_it_last() -> None:
    old = see_version(a_version(1, aliases=["candidate"]), a_registry())
    assert old["status"]["aliases"] == ["candidate"]

    new = see_version(a_version(2, aliases=["candidate"]), old, a_registry())
    assert new["status"]["aliases"] == ["candidate"]
    assert see_version(old, new, a_registry())["status"]["aliases"] == []


def test_an_alias_comes_back_when_the_newer_version_lets_it_go() -> None:
    old = see_version(a_version(1, aliases=["candidate"]), a_registry())
    new = see_version(a_version(2), old, a_registry())
    assert see_version(old, new, a_registry())["status"]["aliases"] == ["candidate"]


def test_a_location_says_url_and_repository() -> None:
    url, repository = split_location(location("default", "diabetes"))
    assert (url, repository) == ("http://comal-registry-default:5001", "models/diabetes")
