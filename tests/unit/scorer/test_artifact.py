"""Manifests as a hostile registry might send them, and folders as a hostile volume might hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comal_scorer import contract
from comal_scorer.artifact import parse_manifest
from comal_scorer.contract import TerminationReason
from comal_scorer.failure import TerminationError
from comal_scorer.verification import verify_folder
from unit.scorer.model_folders import Package, digest_of

PACKAGE = Package({"contract": "data-matrix"}, {"a/b.txt": b"one", "c.txt": b"two"})
Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> bytes:
    manifest = json.loads(PACKAGE.manifest)
    change(manifest)
    return json.dumps(manifest).encode()


def titled(title: str) -> Change:
    return lambda m: m["layers"][0]["annotations"].update({contract.TITLE_ANNOTATION: title})


def test_a_manifest_names_its_files() -> None:
    artifact = parse_manifest(PACKAGE.manifest, PACKAGE.digest)

    assert [file.path for file in artifact.files] == ["a/b.txt", "c.txt"]
    assert artifact.total_bytes == 6
    assert artifact.config.digest == digest_of(PACKAGE.config)


def test_other_bytes_are_a_mismatch() -> None:
    with pytest.raises(TerminationError) as caught:
        parse_manifest(PACKAGE.manifest + b" ", PACKAGE.digest)

    assert caught.value.reason is TerminationReason.DIGEST_MISMATCH


@pytest.mark.parametrize(
    "digest", ["", "latest", "sha256:", "sha256:" + "A" * 64, "sha512:" + "a" * 128, "../x"]
)
def test_what_is_no_digest_is_refused(digest: str) -> None:
    with pytest.raises(TerminationError, match="sha256: and 64 hex digits"):
        parse_manifest(PACKAGE.manifest, digest)


@pytest.mark.parametrize(
    "title",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../../up",
        "a//b",
        "a/",
        ".",
        "a/./b",
        "a\\..\\b",
        "a\x00b",
        "a\nb",
        "na\xefve",
        "x" * 600,
        "manifest.json",
        "config.json",
        ".partial/x",
        "c.txt",
        "c.txt/d",
    ],
)
def test_titles_that_are_no_plain_paths_are_refused(title: str) -> None:
    body = changed(titled(title))

    with pytest.raises(TerminationError) as caught:
        parse_manifest(body, digest_of(body))

    assert caught.value.reason is TerminationReason.ARTIFACT_INVALID


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(artifactType="application/zip"), "artifactType"),
        (lambda m: m.pop("artifactType"), "artifactType"),
        (lambda m: m["config"].update(mediaType="x/y"), "config.mediaType"),
        (lambda m: m["config"].update(size=2**40), "config.size"),
        (lambda m: m.update(layers=[]), "layers"),
        (lambda m: m.update(layers=m["layers"] * 501), "layers"),
        (lambda m: m["layers"][0].update(mediaType="application/tar+gzip"), "mediaType"),
        (lambda m: m["layers"][0].update(size=-1), "size"),
        (lambda m: m["layers"][0].update(size="9"), "size"),
        (lambda m: m["layers"][1].update(digest="sha256:0"), "digest"),
        (lambda m: m["layers"][1].pop("annotations"), "annotations"),
        (lambda m: m.pop("config"), "config"),
    ],
)
def test_manifests_of_other_shapes_are_refused(change: Change, says: str) -> None:
    body = changed(change)

    with pytest.raises(TerminationError, match=says) as caught:
        parse_manifest(body, digest_of(body))

    assert caught.value.reason is TerminationReason.ARTIFACT_INVALID


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    ).map(lambda value: json.dumps(value).encode())
)
@settings(max_examples=100, deadline=None)
def test_no_bytes_make_the_parser_fail_otherwise(body: bytes) -> None:
    with pytest.raises(TerminationError):
        parse_manifest(body, digest_of(body))


def test_a_folder_is_proved(tmp_path: Path) -> None:
    artifact = verify_folder(PACKAGE.lay_out(tmp_path), PACKAGE.digest)

    assert artifact.digest == PACKAGE.digest


@pytest.mark.parametrize("name", ["a/b.txt", "c.txt", "config.json", "manifest.json"])
def test_every_flipped_byte_is_seen(tmp_path: Path, name: str) -> None:
    PACKAGE.lay_out(tmp_path)
    content = (tmp_path / name).read_bytes()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1
        (tmp_path / name).write_bytes(flipped)

        with pytest.raises(TerminationError) as caught:
            verify_folder(tmp_path, PACKAGE.digest)

        assert caught.value.reason is TerminationReason.DIGEST_MISMATCH


def _add_file(folder: Path) -> None:
    (folder / "a" / "stranger").write_text("x")


def _add_link(folder: Path) -> None:
    (folder / "etc").symlink_to("/etc")


def _link_file(folder: Path) -> None:
    (folder / "c.txt").unlink()
    (folder / "c.txt").symlink_to(folder / "a" / "b.txt")


def _remove_file(folder: Path) -> None:
    (folder / "c.txt").unlink()


@pytest.mark.parametrize("tamper", [_add_file, _add_link, _link_file, _remove_file])
def test_a_folder_with_more_less_or_links_is_refused(
    tmp_path: Path, tamper: Callable[[Path], None]
) -> None:
    tamper(PACKAGE.lay_out(tmp_path))

    with pytest.raises(TerminationError):
        verify_folder(tmp_path, PACKAGE.digest)
