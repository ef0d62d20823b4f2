"""What people ask by annotation: heard once, only about what they mean, and remembered."""

from __future__ import annotations

import pytest

from serving_moments import baking, course, revisions, rolling, serving, version
from serving_world import ServingWorld


def ask(world: ServingWorld, verb: str, revision: str = "", nonce: str = "1") -> ServingWorld:
    """Annotate as kubectl does, about the candidate unless another revision is named."""
    revision = revision or world.status.get("candidate", {}).get("revision", "none")
    meta = world.mdep["metadata"]
    asked = {"comal.dev/request": f"{verb}@{revision}#{nonce}", "comal.dev/requested-by": "alice"}
    meta["annotations"] = {**(meta.get("annotations") or {}), **asked}
    world.settle()
    return world


def last(world: ServingWorld) -> dict[str, str]:
    found: dict[str, str] = world.status["requests"][0]
    return found


def strip(world: ServingWorld) -> None:
    world.mdep["metadata"].pop("annotations")
    world.settle()


def test_an_abort_takes_the_share_at_once_and_for_good() -> None:
    world = rolling()
    candidate = world.status["candidate"]["revision"]
    ask(world, "abort")
    assert course(world) == "Stalled RolledBack"
    assert revisions(world) == "1"
    assert world.status["rejected"][0]["reason"] == "Aborted"
    assert "aborted by alice" in world.condition("Ready")["message"]
    assert world.status["lastHandledRequest"] == f"abort@{candidate}#1"
    assert (last(world)["by"], "refused" in last(world)) == ("alice", False)
    world.settle(9000)
    assert revisions(world) == "1"


def test_a_pause_outlasts_the_step_and_a_resume_ends_it() -> None:
    world = ask(rolling(), "pause")
    assert course(world) == "Going Paused"
    assert world.status["hold"]["by"] == "alice"
    world.settle(600)
    assert world.status["weight"] == "10"
    ask(world, "resume")
    world.settle(130)
    assert revisions(world) == "2"
    assert "hold" not in world.status


def test_gitops_tools_that_strip_and_repeat_the_annotation_change_nothing() -> None:
    world = ask(rolling(), "pause", nonce="a")
    annotations = dict(world.mdep["metadata"]["annotations"])
    strip(world)
    assert course(world) == "Going Paused"
    ask(world, "resume", nonce="b")
    # Self-heal puts the older one back: it was heard, and is not heard again.
    world.mdep["metadata"]["annotations"] = annotations
    world.settle(2)
    assert "hold" not in world.status
    assert [one["request"][:6] for one in world.status["requests"]] == ["resume", "pause@"]


def test_a_paused_rollout_still_ends_by_its_deadline() -> None:
    world = ask(rolling(deadline="1h"), "pause")
    world.settle(3700)
    assert course(world) == "Stalled RolledBack"
    message = world.condition("Ready")["message"]
    assert "DeadlineExceeded" in message
    assert "paused by alice" in message


def test_paused_in_git_holds_and_resume_says_why_it_cannot() -> None:
    world = rolling(paused=True)
    assert course(world) == "Going Paused"
    assert world.status["weight"] == "0"
    ask(world, "resume")
    assert "spec.rollout.paused is true" in last(world)["refused"]
    world.edit(rollout={**world.mdep["spec"]["rollout"], "paused": False})
    world.settle()
    assert world.status["weight"] == "10"


STEPS = [{"percent": "10"}, {"percent": "50", "approval": "Required"}]


def test_a_step_waits_for_approval_and_tells_how() -> None:
    world = rolling(steps=STEPS)
    assert course(world) == "Going AwaitingApproval"
    assert world.status["weight"] == "50"
    candidate = world.status["candidate"]["revision"]
    assert "kubectl comal approve" in world.condition("Ready")["message"]
    world.settle(1000)
    assert world.status["weight"] == "50"
    ask(world, "approve", "0123abcd")
    assert f"the candidate is {candidate}" in last(world)["refused"]
    assert course(world) == "Going AwaitingApproval"
    ask(world, "approve", nonce="2")
    assert revisions(world) == "2"


def test_an_approval_is_for_one_step_and_one_in_git_for_all() -> None:
    steps = [{"percent": "10", "approval": "Required"}, {"percent": "50", "approval": "Required"}]
    world = ask(rolling(steps=steps), "approve")
    assert (course(world), world.status["weight"]) == ("Going AwaitingApproval", "50")
    candidate = world.status["candidate"]["revision"]
    world.edit(rollout={**world.mdep["spec"]["rollout"], "approvedRevisions": [candidate]})
    world.settle()
    assert revisions(world) == "2"


def test_an_approval_before_its_step_is_refused() -> None:
    world = ask(rolling(), "approve")
    assert "the step at 10 percent needs no approval" in last(world)["refused"]


def test_promote_skips_what_is_left_but_not_the_acknowledgement() -> None:
    world = rolling(steps=STEPS)
    world.lazy = True
    ask(world, "promote")
    assert (revisions(world), world.status["weight"]) == ("1/2", "100")
    world.lazy = False
    world.settle()
    assert revisions(world) == "2"


def test_rollback_while_baking_is_one_change_of_shares() -> None:
    world = baking()
    bad, former = world.status["stable"]["revision"], world.status["previous"]["revision"]
    ask(world, "rollback", bad)
    assert world.status["stable"]["revision"] == former
    assert course(world) == "Stalled RolledBack"
    assert world.status["rejected"][0]["reason"] == "RolledBackByRequest"
    world.settle(60)
    assert world.of_revision(bad)["spec"]["replicas"] == 0


def test_rollback_with_nothing_warm_says_what_to_do() -> None:
    world = baking()
    world.settle(400)
    ask(world, "rollback", world.status["stable"]["revision"])
    assert "change spec.model" in last(world)["refused"]
    assert course(world) == "Ready Serving"


def test_a_retry_gives_a_rejected_revision_another_chance() -> None:
    world = ask(rolling(), "abort")
    rejected = world.status["rejected"][0]["revision"]
    ask(world, "retry", rejected, nonce="2")
    assert revisions(world) == "1/2"
    assert "rejected" not in world.status
    world.settle(130)
    assert revisions(world) == "2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("promote", "write verb@revision#word"),
        ("destroy@abc#1", "with a verb of pause, resume, approve"),
        ("abort@abc#1", "there is no candidate"),
        ("retry@abc#1", "was not rejected"),
        ("rollback@abc#1", "neither serves nor is the candidate"),
        ("x" * 5000, "is no request"),
    ],
)
def test_nonsense_is_refused_in_words_and_remembered(text: str, says: str) -> None:
    world = serving()
    world.mdep["metadata"]["annotations"] = {"comal.dev/request": text}
    world.settle()
    assert says in last(world)["refused"]
    assert world.status["lastHandledRequest"] == text[:128]
    assert course(world) == "Ready Serving"
    assert not world.plan().actions


def test_a_third_version_forgets_what_was_asked_about_the_second() -> None:
    world = ask(rolling(), "pause")
    world.add(version(3))
    world.settle()
    assert revisions(world) == "1/3"
    assert "hold" not in world.status
