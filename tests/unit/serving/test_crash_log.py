"""What a crashed scorer said last reaches the person who asks why."""

from __future__ import annotations

import pytest

from comal_operator.core.serving.crash_log import crash_message, first_line, last_lines
from serving_moments import digest, serving, version
from serving_world import ServingWorld, an_endpoint

TRACEBACK = "Traceback (most recent call last):\n" + "\n".join(
    f'  File "score.py", line {number}, in frame{number}' for number in range(30)
)
ERROR = "ModuleNotFoundError: No module named 'lightgbm'"


def crashing(world: ServingWorld, number: int) -> ServingWorld:
    """That version's Pods start and crash, and the kubelet keeps what they logged."""
    world.broken[digest(number)] = ("Error", "")
    world.add(version(number))
    world.settle()
    log = f"{TRACEBACK}\n{ERROR}\n"
    ended = {"terminated": {"exitCode": 3, "reason": "Error", "message": log}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    for pod in world.pods():
        if "initContainerStatuses" in pod["status"]:
            container = {"name": "scorer", "ready": False, "state": waiting, "lastState": ended}
            pod["status"]["initContainerStatuses"] = []
            pod["status"]["containerStatuses"] = [container]
    world.settle(61)
    return world


def lines(world: ServingWorld) -> list[str]:
    message: str = world.condition("Ready")["message"]
    return message.splitlines()


def test_the_first_revision() -> None:
    first = ServingWorld().add(an_endpoint(predictor={"startupTimeout": "60s"}))
    told = lines(crashing(first, 1))
    assert told[0].endswith("Error: exit code 3; the log ended:")
    assert told[-1] == ERROR
    assert len(told) == 1 + 20
    assert first.condition("Stalled")["reason"] == "NotStarting"


def test_a_candidate_that_was_rolled_back_for_it() -> None:
    world = serving()
    world.edit(predictor={"startupTimeout": "60s"})
    told = lines(crashing(world, 2))
    assert world.condition("Stalled")["reason"] == "RolledBack"
    assert "Error: exit code 3. It is not tried again" in told[0]
    assert told[0].endswith("diabetes-v1 goes on serving; the log ended:")
    assert told[-1] == ERROR
    assert len(told) == 1 + 20


def test_only_the_newest_rejection_keeps_its_log() -> None:
    world = serving()
    world.edit(predictor={"startupTimeout": "60s"})
    crashing(world, 2)
    crashing(world, 3)
    newest, older = world.status["rejected"]
    assert ERROR in newest["message"]
    assert older["message"].endswith("Error: exit code 3")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("one\n", "one"),
        ("\n".join(map(str, range(30))), "\n".join(map(str, range(10, 30)))),
        ("x" * 5000, "…" + "x" * 1999),
    ],
)
def test_the_end_is_what_is_kept(text: str, kept: str) -> None:
    assert last_lines(text) == kept


def test_a_crash_without_a_word() -> None:
    assert crash_message(137, " \n") == "exit code 137"
    assert first_line(crash_message(1, "no")) == "exit code 1"
