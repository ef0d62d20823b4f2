"""The cache under events, reads and answers that overtake each other."""

from __future__ import annotations

from typing import Any

from comal_operator.shell import cache as module
from comal_operator.shell.cache import Cache, ObjectKey

KEY = ObjectKey("Job", "ns", "train")


def body(version: int, name: str = "train") -> dict[str, Any]:
    meta = {"name": name, "namespace": "ns", "resourceVersion": str(version)}
    return {"kind": "Job", "metadata": meta}


def test_an_older_version_never_replaces_a_newer_one() -> None:
    cache = Cache()
    cache.hear(body(2))
    cache.put(body(1))
    assert cache.get(KEY) == body(2)


def test_what_was_read_before_its_deletion_is_not_kept_after_it() -> None:
    cache = Cache()
    cache.hear(body(2))
    cache.hear_deleted(body(3))
    cache.put(body(2))
    assert cache.get(KEY) is None


def test_the_answer_to_a_write_may_come_after_the_deletion() -> None:
    cache = Cache()
    cache.hear_deleted(body(3))
    cache.put(body(1))
    assert cache.get(KEY) is None


def test_a_successor_by_the_same_name_is_kept() -> None:
    cache = Cache()
    cache.hear_deleted(body(3))
    cache.put(body(4))
    assert cache.get(KEY) == body(4)


def test_the_deletion_of_a_predecessor_leaves_the_successor() -> None:
    cache = Cache()
    cache.put(body(4))
    cache.hear_deleted(body(3))
    assert cache.get(KEY) == body(4)


def test_deletions_are_not_remembered_for_ever(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_GRAVES", 2)
    cache = Cache()
    for number in range(5):
        cache.hear_deleted(body(9, f"train-{number}"))
    assert len(cache._gone) == 2
