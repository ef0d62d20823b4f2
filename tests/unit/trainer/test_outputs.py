"""What a step leaves behind: counted by `seal`, copied and verified by `restore`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comal_trainer.command_line import run
from comal_trainer.contract import MAX_MESSAGE_BYTES, ContractError, JobError
from comal_trainer.contract.outputs import (
    CACHE_INVALID,
    OUTPUT_MISSING,
    Output,
    Restored,
    Sealed,
    read_pairs,
    restore_arguments,
    seal_arguments,
)
from comal_trainer.restore import restore
from comal_trainer.seal import count, seal

DIGEST = "sha256:" + "a" * 64


def a_workspace(at: Path, **files: str) -> Path:
    at.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = at / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return at


def test_a_file_has_the_digest_that_sha256sum_prints(tmp_path: Path) -> None:
    wanted = "5be08c9684a1d25efcee09318204824278b08bbfb4aef973ffefd0b9d7478313"
    found = count(a_workspace(tmp_path, table="a,b\n"), "table")
    assert found == Output(f"sha256:{wanted}", 4, 1)


def test_a_folder_is_the_same_wherever_and_whenever_it_was_made(tmp_path: Path) -> None:
    one = a_workspace(tmp_path / "one", model__b="2", model__a="1", model__deep__c="3")
    two = a_workspace(tmp_path / "two", model__deep__c="3", model__a="1", model__b="2")
    assert count(one, "model/") == count(two, "model")
    assert count(one, "model").files == 3


@pytest.mark.parametrize(
    ("changed", "to"),
    [("model__a", "other"), ("model__x", ""), ("model__deep__b", "2")],
)
def test_another_content_name_or_place_is_another_digest(
    tmp_path: Path, changed: str, to: str
) -> None:
    files = {"model__a": "1", "model__b": "2"}
    one = a_workspace(tmp_path / "one", **files)
    two = a_workspace(tmp_path / "two", **{**files, changed: to})
    assert count(one, "model").digest != count(two, "model").digest


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    a_workspace(tmp_path, plain="x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "plain")
    os.mkfifo(tmp_path / "pipe")
    answer = seal(tmp_path, ["plain", "model/", "plain/", "empty", "link", "pipe", "plain/x"])
    assert answer.outputs == ()
    assert isinstance(answer.error, JobError)
    assert answer.error.reason == OUTPUT_MISSING
    for words in (
        "output model/ is not in the workspace",
        "output plain/ is a file, not a folder",
        "output empty is an empty folder",
        "output link is a link",
        "output pipe: pipe: not a plain file",
        "output plain/x is not in the workspace",
    ):
        assert words in answer.error.message
    assert Sealed.decode(answer.encode()) == answer


def test_an_answer_about_sixteen_long_names_fits(tmp_path: Path) -> None:
    names = [f"{number:02}" + "x" * 200 for number in range(16)]
    assert len(seal(tmp_path, names).encode()) <= MAX_MESSAGE_BYTES
    a_workspace(tmp_path, **dict.fromkeys(names, "content"))
    answer = seal(tmp_path, names)
    assert len(answer.outputs) == 16
    assert Sealed.decode(answer.encode()) == answer


def test_links_in_a_folder_count_by_where_they_point(tmp_path: Path) -> None:
    for name, target in (("one", "step-1"), ("two", "step-1"), ("three", "step-2")):
        a_workspace(tmp_path / name, checkpoints__a="1")
        (tmp_path / name / "checkpoints/newest").symlink_to(target)
    one, two, three = (count(tmp_path / name, "checkpoints") for name in ("one", "two", "three"))
    assert one == two != three


def test_what_is_restored_is_what_was_sealed(tmp_path: Path) -> None:
    source = a_workspace(tmp_path / "source", model__deep__a="1", model__b="2", metrics="{}")
    (source / "model/newest").symlink_to("deep")
    (source / "model/b").chmod(0o755)
    workspace = a_workspace(tmp_path / "workspace", model__old="left over")
    pairs = [(path, count(source, path).digest) for path in ("model/", "metrics")]
    assert restore(workspace, "train", pairs, source) == Restored(size=4)
    assert [(path, count(workspace, path).digest) for path in ("model/", "metrics")] == pairs
    assert not (workspace / "model/old").exists()
    assert os.access(workspace / "model/b", os.X_OK)


def test_what_was_restored_once_stays_as_later_steps_made_it(tmp_path: Path) -> None:
    source = a_workspace(tmp_path / "source", table="1")
    workspace = a_workspace(tmp_path / "workspace")
    pairs = [("table", count(source, "table").digest)]
    restore(workspace, "prepare", pairs, source)
    (workspace / "table").write_text("changed by a later step")
    assert restore(workspace, "prepare", pairs, source) == Restored()
    assert (workspace / "table").read_text() == "changed by a later step"


@pytest.mark.parametrize("harm", ["changed", "gone", "more"])
def test_nothing_appears_that_is_not_what_its_entry_says(tmp_path: Path, harm: str) -> None:
    source = a_workspace(tmp_path / "source", good="1", model__a="1")
    pairs = [(path, count(source, path).digest) for path in ("good", "model")]
    match harm:
        case "changed":
            (source / "model/a").write_text("2")
        case "gone":
            (source / "model/a").unlink()
        case "more":
            (source / "model/b").write_text("")
    workspace = a_workspace(tmp_path / "workspace")
    answer = restore(workspace, "train", pairs, source)
    assert isinstance(answer.error, JobError)
    assert answer.error.reason == CACHE_INVALID
    assert "model" in answer.error.message
    assert not (workspace / "good").exists()
    assert not (workspace / "model").exists()
    assert Restored.decode(answer.encode()) == answer


def test_runs_that_share_a_claim_verify_in_place(tmp_path: Path) -> None:
    workspace = a_workspace(tmp_path, table="1")
    pairs = [("table", count(workspace, "table").digest)]
    assert restore(workspace, "prepare", pairs, workspace).error is None
    (workspace / "table").write_text("2")
    (workspace / ".comal/restored/prepare.json").unlink()
    assert restore(workspace, "prepare", pairs, workspace).error is not None


def test_both_commands_answer_in_the_termination_log(tmp_path: Path) -> None:
    source = a_workspace(tmp_path / "source", table="1")
    log = tmp_path / "termination"
    environment = {"COMAL_TERMINATION_LOG": str(log), "COMAL_WORKSPACE": str(source)}
    run([*seal_arguments(["table"])], environment)
    sealed = Sealed.decode(log.read_text())
    assert sealed.error is None
    workspace = a_workspace(tmp_path / "workspace")
    pairs = [("table", sealed.outputs[0].digest)]
    asked = restore_arguments("prepare", pairs, source=str(source))
    run(asked, {**environment, "COMAL_WORKSPACE": str(workspace)})
    assert Restored.decode(log.read_text()) == Restored(size=1)
    assert (workspace / "table").read_text() == "1"


@given(st.lists(st.tuples(st.text(max_size=20), st.just(DIGEST)), max_size=3))
def test_arguments_are_read_as_they_were_written(pairs: list[tuple[str, str]]) -> None:
    last = restore_arguments("a", pairs, source="/comal/cache/a")[-1]
    assert read_pairs(last.removeprefix("--outputs=")) == tuple(pairs)


@pytest.mark.parametrize("text", ["", "[1]", '[["a"]]', '[["a", "sha256:1"]]', "[" * 100_000])
def test_arguments_that_are_none_say_so(text: str) -> None:
    with pytest.raises(ContractError, match="outputs"):
        read_pairs(text)


def test_a_message_of_somebody_else_is_refused() -> None:
    with pytest.raises(ContractError):
        Sealed.decode(json.dumps({"outputs": [{"digest": "x", "size": 1, "files": 1}]}))
