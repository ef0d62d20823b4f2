"""Which images are built and loaded without being named."""

from __future__ import annotations

import tomllib

from cluster.paths import REPOSITORY
from images.cli import ON_REQUEST, TARGETS, to_load
from images.dockerfile import defaults, needed, stages

BUILT = {target: f"localhost/comal/{target}:1" for target in (*TARGETS, *ON_REQUEST)}


def test_the_gpu_flavour_is_loaded_only_by_name() -> None:
    assert to_load(BUILT, TARGETS) == tuple(BUILT[target] for target in TARGETS)
    assert BUILT["trainer-gpu"] in to_load(BUILT, ("trainer-gpu",))


def test_every_target_is_a_stage_of_the_dockerfile() -> None:
    text = (REPOSITORY / "Dockerfile").read_text()
    assert {*TARGETS, *ON_REQUEST} <= set(stages(text, defaults(text)))


def test_the_two_flavours_of_the_trainer_differ_in_their_tensorflow_alone() -> None:
    text = (REPOSITORY / "Dockerfile").read_text()
    all_stages = stages(text, defaults(text))
    cpu, gpu = all_stages["trainer"], all_stages["trainer-gpu"]
    assert cpu.instructions == gpu.instructions
    names = {stage.name for stage in needed("trainer-gpu", all_stages)}
    assert "trainer-tensorflow-gpu" in names
    assert "trainer-tensorflow" not in names


def test_tensorflow_is_in_no_image_that_does_not_say_so() -> None:
    text = (REPOSITORY / "Dockerfile").read_text()
    all_stages = stages(text, defaults(text))
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    heavy = {
        name
        for name, packages in extras["optional-dependencies"].items()
        if any(package.startswith("tensorflow") for package in packages)
    }
    with_it = {
        target
        for target in (*TARGETS, *ON_REQUEST)
        for stage in needed(target, all_stages)
        for instruction in stage.instructions
        if any(f"/requirements/{name}.txt" in instruction for name in heavy)
    }

    assert heavy == {"tensorflow", "tensorflow-gpu", "scorer-tensorflow"}
    assert with_it == {"trainer", "trainer-gpu", "scorer-tensorflow"}


def test_builds_are_given_every_file_that_they_copy() -> None:
    text = (REPOSITORY / "Dockerfile").read_text()
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    given = tuple(line.removeprefix("!") for line in lines if line.startswith("!"))
    copied = {source for stage in stages(text, defaults(text)).values() for source in stage.sources}
    assert {one for one in copied if not one.startswith(given)} == set()
    assert {one for one in copied if not (REPOSITORY / one).exists()} == set()
