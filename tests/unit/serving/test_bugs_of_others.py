"""What went wrong in other rollout controllers does not here; each test names the report."""

from __future__ import annotations

from comal_operator.core.serving.acknowledgement import traffic_of
from serving_moments import back, baking, course, digest, revisions, rolling, serving, version


def test_argo_rollouts_4710_and_587_no_pod_goes_before_the_routers_have_moved() -> None:
    """503s at the last step: selectors flip and Pods go while the data plane still asks them."""
    world = rolling(bake="0s")
    former = world.status["stable"]["revision"]
    world.settle(65)
    world.lazy = True
    world.settle(600)
    assert world.of_revision(former)["spec"]["replicas"] == 2
    world.lazy = False
    world.settle(200)
    assert revisions(world) == "2"
    assert world.of_revision(former)["spec"]["replicas"] == 0


def test_argo_rollouts_1292_a_scale_in_the_middle_changes_no_share() -> None:
    world = rolling()
    before = traffic_of(world.secret)
    world.edit(replicas=5)
    world.settle(5)
    assert traffic_of(world.secret) == before
    assert world.of_revision(world.status["stable"]["revision"])["spec"]["replicas"] == 5


def test_argo_rollouts_3078_a_dead_candidate_does_not_hang_for_ever() -> None:
    world = rolling(deadline="30m")
    for pod in world.pods(**{"comal.dev/revision": world.status["candidate"]["revision"]}):
        world.set_ready(pod, ready=False)
    world.settle(1900)
    assert course(world) == "Stalled RolledBack"


def test_argo_rollouts_4461_and_4973_an_abort_lasts_whatever_is_applied_again() -> None:
    world = rolling()
    revision = world.status["candidate"]["revision"]
    world.mdep["metadata"]["annotations"] = {"comal.dev/request": f"abort@{revision}#1"}
    world.settle()
    for _ in range(3):
        # Self-heal applies the same spec: the generation moves, what is wanted does not.
        world.edit(replicas=2)
        world.settle(300)
    assert (course(world), revisions(world)) == ("Stalled RolledBack", "1")


def test_argo_rollouts_1774_a_broken_stable_does_not_block_the_fix() -> None:
    world = serving()
    for pod in world.pods(component="scorer"):
        world.set_ready(pod, ready=False)
    world.settle()
    world.add(version(2))
    world.settle(300)
    assert revisions(world) == "2"


def test_flagger_1202_a_promotion_restarts_no_pod() -> None:
    world = rolling()
    revision = world.status["candidate"]["revision"]
    pods = {one["metadata"]["name"] for one in world.pods(**{"comal.dev/revision": revision})}
    world.settle(200)
    assert revisions(world) == "2"
    after = {one["metadata"]["name"] for one in world.pods(**{"comal.dev/revision": revision})}
    assert after == pods


def test_flagger_930_and_seldon_4067_zero_is_zero_and_is_written() -> None:
    """A weight of zero that was left out gave half of the requests to whom none were meant."""
    world = baking()
    shares = traffic_of(world.secret)
    assert sorted(shares.values()) == ["0", "100"]
    assert shares[world.status["stable"]["revision"]] == "100"


def test_kserve_5983_no_share_for_who_is_not_ready() -> None:
    world = serving()
    world.broken[digest(2)] = ("RegistryUnreachable", "it takes its time")
    world.add(version(2))
    world.settle(300)
    assert revisions(world) == "1/2"
    assert traffic_of(world.secret) == {world.status["stable"]["revision"]: "100"}


def test_argo_cd_9570_git_revert_ends_it_at_once() -> None:
    world = rolling()
    begun = world.now
    back(world)
    assert course(world) == "Ready Serving"
    assert (world.now - begun).total_seconds() <= 10
