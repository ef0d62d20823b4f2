"""Variants: each with Pods and a share of its own, changed without a lost answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from comal_operator.core.names import LABEL_REVISION
from comal_operator.core.plan import Apply
from comal_operator.core.serving.acknowledgement import traffic_of
from serving_moments import STEPS, course, digest, version
from serving_world import ServingWorld, an_endpoint

V2 = {"name": "diabetes", "version": "2"}
V3 = {"name": "diabetes", "version": "3"}


def variant(
    who: str = "green", percent: str = "10", model: Mapping[str, str] = V2
) -> dict[str, Any]:
    return {"name": who, "model": dict(model), "percent": percent}


def with_variants(*variants: dict[str, Any], **spec: Any) -> ServingWorld:
    """Version 1 serves beside them; versions 2 and 3 are registered."""
    endpoint = an_endpoint(
        **{"model": {"name": "diabetes", "version": "1"}, "variants": list(variants), **spec}
    )
    world = ServingWorld().add(endpoint, version(1), version(2), version(3))
    world.settle()
    return world


def of(world: ServingWorld, name: str, part: str = "serving") -> Any:
    found = [one for one in world.status.get("variants", ()) if one["name"] == name]
    return found[0].get(part, {}) if found else {}


def shares(world: ServingWorld) -> dict[str, str]:
    """Return what the routers are told, by version."""
    names = {
        one["metadata"]["labels"][LABEL_REVISION]: one["data"]["modelVersion"]
        for (kind, _), one in world.objects.items()
        if kind == "ControllerRevision"
    }
    return {names[one].removeprefix("diabetes-"): s for one, s in traffic_of(world.secret).items()}


def told(world: ServingWorld, since: int) -> Iterator[dict[str, str]]:
    """Yield what each Secret since then told the routers, by revision."""
    for action in world.written[since:]:
        for one in action.manifests if isinstance(action, Apply) else ():
            text = one["metadata"].get("annotations", {}).get("comal.dev/router-traffic")
            if text:
                yield traffic_of(text)


def test_a_variant_has_its_share_and_the_model_the_rest() -> None:
    world = with_variants(variant(), variant("blue", "0.5", V3))
    assert course(world) == "Ready Serving"
    assert shares(world) == {"v1": "89.5", "v2": "10", "v3": "0.5"}
    assert world.condition("Ready")["message"].endswith("blue 0.5 percent, green 10 percent")
    listed = {one.get("variant"): one for one in world.status["traffic"]}
    assert listed["green"]["acknowledgedPercent"] == "10"
    revision = of(world, "green")["revision"]
    kinds = {kind for kind, name in world.objects if name == f"diabetes-{revision}"}
    assert {"Deployment", "Service", "PodDisruptionBudget", "ControllerRevision"} <= kinds
    assert not world.look().actions


def test_at_nothing_it_stands_by_with_its_pods() -> None:
    world = with_variants(variant(percent="0"))
    assert shares(world) == {"v1": "100", "v2": "0"}
    assert world.of_revision(of(world, "green")["revision"])["spec"]["replicas"] == 2


def test_two_with_the_same_model_have_pods_of_their_own() -> None:
    same = {"name": "diabetes", "version": "1"}
    world = with_variants(variant(percent="50", model=same))
    assert course(world) == "Ready Serving"
    assert sorted(traffic_of(world.secret).values()) == ["50", "50"]


def test_another_percent_is_one_write_that_starts_and_stops_nothing() -> None:
    world = with_variants(variant())
    before = len(world.written)
    world.edit(variants=[variant(percent="50")])
    world.settle()
    assert shares(world) == {"v1": "50", "v2": "50"}
    assert len(list(told(world, before))) == 1


def test_what_one_gives_another_gets_at_once() -> None:
    world = with_variants(variant("blue", "80"), variant("green", "20", V3))
    stable = world.status["stable"]["revision"]
    before = len(world.written)
    world.edit(variants=[variant("blue", "20"), variant("green", "80", V3)])
    world.settle()
    assert shares(world) == {"v1": "0", "v2": "20", "v3": "80"}
    assert all(one[stable] == "0" for one in told(world, before))


def test_a_new_one_that_never_answers_does_not_keep_others_from_falling() -> None:
    world = with_variants(variant("blue", "80"))
    world.broken[digest(3)] = ("DigestMismatch", "not what it was")
    world.edit(variants=[variant("blue", "0"), variant("green", "80", V3)])
    world.settle()
    assert shares(world)["v1"] == "100"
    assert course(world) == "Stalled DigestMismatch"
    assert "variant green" in world.condition("Ready")["message"]


def test_another_model_takes_the_share_over_and_the_old_pods_go_after_the_drain() -> None:
    world = with_variants(variant())
    old = of(world, "green")["revision"]
    world.lazy = True
    world.edit(variants=[variant(model=V3)])
    world.settle(60)
    # No router has followed: both have Pods, the old one has the share.
    assert world.of_revision(old)["spec"]["replicas"] == 2
    assert of(world, "green")["revision"] == old
    world.lazy = False
    world.settle(5)
    assert shares(world) == {"v1": "90", "v3": "10"}
    assert world.of_revision(old)["spec"]["replicas"] == 2
    world.settle(60)
    assert f"diabetes-{old}" not in {name for _, name in world.objects}
    assert course(world) == "Ready Serving"


def test_another_model_that_never_answers_leaves_the_old_one_its_share() -> None:
    world = with_variants(variant())
    world.broken[digest(3)] = ("DigestMismatch", "not what it was")
    world.edit(variants=[variant(model=V3)])
    world.settle()
    assert shares(world) == {"v1": "90", "v2": "10"}
    assert course(world) == "Stalled DigestMismatch"
    assert "diabetes-v2 keeps its share" in world.condition("Ready")["message"]
    world.edit(variants=[variant()])
    world.settle(60)
    assert course(world) == "Ready Serving"
    assert "v3" not in shares(world)


def test_without_a_variant_its_share_moves_first_and_its_pods_go_then() -> None:
    world = with_variants(variant(percent="50"))
    old = of(world, "green")["revision"]
    world.lazy = True
    world.edit(variants=[])
    world.settle(120)
    assert traffic_of(world.secret) == {world.status["stable"]["revision"]: "100"}
    assert world.of_revision(old)["spec"]["replicas"] == 2
    world.lazy = False
    world.settle(120)
    assert f"diabetes-{old}" not in {name for _, name in world.objects}
    assert course(world) == "Ready Serving"
    assert "variants" not in world.status


def test_the_last_that_answers_stays_though_nobody_wants_it() -> None:
    world = with_variants(variant(percent="50"))
    stable = world.status["stable"]["revision"]
    for pod in world.pods(**{LABEL_REVISION: stable}):
        world.set_ready(pod, ready=False)
    world.controllers()
    world.edit(variants=[])
    world.settle(300)
    assert traffic_of(world.secret)[of(world, "green")["revision"]] == "0"
    world.recover()
    world.settle(300)
    assert set(traffic_of(world.secret)) == {stable}


def test_a_rollout_shares_what_variants_leave() -> None:
    world = with_variants(variant(percent="40"), rollout={"steps": STEPS})
    world.edit(model=V3)
    world.settle(20)
    assert world.status["weight"] == "10"
    assert shares(world) == {"v1": "54", "v2": "40", "v3": "6"}
    world.edit(variants=[variant(percent="0.7")])
    world.settle(5)
    assert shares(world) == {"v1": "89.37", "v2": "0.7", "v3": "9.93"}
    world.settle(300)
    assert world.status["stable"]["modelVersion"] == "diabetes-v3"
    assert {one: s for one, s in shares(world).items() if s != "0"} == {"v3": "99.3", "v2": "0.7"}


@pytest.mark.parametrize("rest", ["100", "50", "0.7", "0.002", "0"])
@pytest.mark.parametrize("weight", ["0", "0.1", "33.333", "99.9", "100"])
def test_shares_are_thousandths_that_make_a_hundred(rest: str, weight: str) -> None:
    percent = format(100 - Decimal(rest), "f")
    steps = [{"percent": weight, "for": "1h"}] if weight != "100" else []
    world = with_variants(variant(percent=percent), rollout={"steps": steps, "bake": "1h"})
    world.edit(model=V3)
    world.settle(30)
    got = {one: Decimal(share) for one, share in shares(world).items()}
    assert sum(got.values()) == 100
    assert got["v2"] == Decimal(percent)
    assert all(one == round(one, 3) and one >= 0 for one in got.values())
    if Decimal(weight) and Decimal(rest):
        assert got["v3"] > 0


def test_blue_and_green_change_places_by_the_map_alone() -> None:
    """The seeds' stages: Blue_0, Blue_50, Blue_100, Blue_Green, Green_100."""
    world = with_variants(variant("blue", "0"))
    stages = []
    for percent in ("50", "100"):
        world.edit(variants=[variant("blue", percent)])
        world.settle()
        stages.append(shares(world))
    world.edit(model=V2)
    world.settle(2000)
    green = world.status["stable"]["revision"]
    stages.append({"stable": traffic_of(world.secret)[green]})
    world.edit(variants=[])
    world.settle(2000)
    assert stages == [
        {"v1": "50", "v2": "50"},
        {"v1": "0", "v2": "100"},
        {"stable": "0"},
    ]
    assert traffic_of(world.secret) == {green: "100"}
    running = [one for one in world.deployments() if one["spec"]["replicas"]]
    assert len(running) == 2, "the one model and its routers"


def test_variants_survive_a_lost_status() -> None:
    world = with_variants(variant(percent="90"))
    before = traffic_of(world.secret)
    world.mdep["status"] = {"observedGeneration": -1}
    world.mdep["metadata"]["resourceVersion"] = "9999999"
    written = len(world.written)
    world.settle()
    assert all(one == before for one in told(world, written))
    assert world.status["stable"]["modelVersion"] == "diabetes-v1"
    assert course(world) == "Ready Serving"


def test_a_variant_without_its_model_says_so_and_the_endpoint_serves() -> None:
    world = with_variants({"name": "green", "model": {"name": "diabetes", "version": "9"}})
    assert course(world) == "Stalled ModelNotFound"
    assert "variant green: diabetes has no version 9" in world.condition("Ready")["message"]
    assert world.condition("ModelResolved")["status"] == "False"
    assert world.condition("Available")["status"] == "True"
    assert shares(world) == {"v1": "100"}


def test_a_variant_keeps_its_version_without_auto_update() -> None:
    model = {"name": "diabetes", "latest": True, "autoUpdate": False}
    world = with_variants({"name": "green", "model": model, "percent": "10"})
    assert of(world, "green")["modelVersion"] == "diabetes-v3"
    world.add(version(4))
    world.settle(60)
    assert of(world, "green")["modelVersion"] == "diabetes-v3"


def test_a_follower_has_as_many_pods_as_the_one_that_it_follows() -> None:
    scaling = {"min": 1, "max": 8, "cpu": 70}
    requests = {"resources": {"requests": {"cpu": "1"}}, "startupTimeout": "10m"}
    world = with_variants(variant(), autoscaling=scaling, replicas=None, predictor=requests)
    name = f"diabetes-{of(world, 'green')['revision']}"
    world.load[name] = 6
    world.settle()
    assert world.objects["Deployment", name]["spec"]["replicas"] == 6
    world.edit(variants=[variant(model=V3)])
    world.settle(120)
    follower = world.objects["Deployment", f"diabetes-{of(world, 'green')['revision']}"]
    assert of(world, "green")["modelVersion"] == "diabetes-v3"
    assert follower["spec"]["replicas"] == 6
