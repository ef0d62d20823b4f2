"""An image's tag changes with what is in the image, and with nothing else."""

from pathlib import Path

import pytest

from images.content import tag
from images.dockerfile import defaults, needed, stages

DOCKERFILE = """
ARG BASE=debian
FROM ${BASE} AS tools
RUN make-tools
FROM ${BASE} AS packages
COPY pyproject.toml ./
# a comment that is no instruction
RUN --mount=type=bind,from=tools,source=/t,target=/t \\
    install
FROM packages AS app
COPY --from=tools /t /t
COPY code /code
FROM ${BASE} AS other
COPY unrelated /unrelated
"""
PYPROJECT = '[project]\nname = "x"\n[project.optional-dependencies]\na = ["b>=1"]\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in {
        "pyproject.toml": PYPROJECT,
        "code/main.py": "1",
        "code/__pycache__/main.pyc": "bytes",
        "unrelated/file": "1",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def app_tag(root: Path, text: str = DOCKERFILE, **arguments: str) -> str:
    found = stages(text, defaults(text) | arguments)
    return tag(needed("app", found), root)


def test_a_target_needs_its_bases_and_the_stages_it_copies_from() -> None:
    found = stages(DOCKERFILE, {"BASE": "debian"})

    assert [stage.name for stage in needed("app", found)] == ["app", "packages", "tools"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("code/main.py", "2", id="code"),
        pytest.param("code/new.py", "", id="new-file"),
        pytest.param("pyproject.toml", PYPROJECT.replace("b>=1", "b>=2"), id="dependency"),
    ],
)
def test_a_changed_input_changes_the_tag(root: Path, path: str, text: str) -> None:
    before = app_tag(root)

    (root / path).write_text(text)

    assert app_tag(root) != before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("unrelated/file", "2", id="another-target's-file"),
        pytest.param("code/__pycache__/main.pyc", "other", id="bytecode"),
        pytest.param("pyproject.toml", PYPROJECT + "[tool.x]\ny = 1\n", id="linter-setting"),
    ],
)
def test_anything_else_leaves_it(root: Path, path: str, text: str) -> None:
    before = app_tag(root)

    (root / path).write_text(text)

    assert app_tag(root) == before


def test_base_and_instructions_of_needed_stages_count(root: Path) -> None:
    before = app_tag(root)

    assert app_tag(root, BASE="other") != before
    assert app_tag(root, DOCKERFILE.replace("make-tools", "make-others")) != before
    assert app_tag(root, DOCKERFILE.replace("/unrelated", "/elsewhere")) == before


def test_every_source_of_our_dockerfile_exists() -> None:
    root = Path(__file__).parents[3]
    text = (root / "Dockerfile").read_text()

    found = stages(text, defaults(text))

    assert {"operator", "trainer", "scorer", "router", "registry"} <= set(found)
    for stage in found.values():
        for source in stage.sources:
            assert (root / source).exists(), f"stage {stage.name} copies {source}"
