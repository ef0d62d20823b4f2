"""Accelerators that a node only says it has."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from cluster import gpus
from cluster.cli import main
from cluster.commands import ClusterError
from cluster.paths import Places


def nodes(*names: str) -> dict[str, Any]:
    return {"items": [{"metadata": {"name": name}} for name in names]}


def test_capacity_and_what_is_allocatable_are_set_together() -> None:
    assert gpus.change(2) == {
        "status": {"capacity": {"nvidia.com/gpu": "2"}, "allocatable": {"nvidia.com/gpu": "2"}}
    }


def test_none_removes_the_resource_instead_of_leaving_a_zero() -> None:
    status = gpus.change(0)["status"]
    assert status == {
        "capacity": {"nvidia.com/gpu": None},
        "allocatable": {"nvidia.com/gpu": None},
    }


def test_the_only_node_needs_no_name() -> None:
    assert gpus.chosen(nodes("one"), "") == "one"


def test_one_of_several_is_named() -> None:
    assert gpus.chosen(nodes("one", "two"), "two") == "two"


@pytest.mark.parametrize(
    ("there", "wanted", "said"),
    [
        pytest.param(("one", "two"), "", "say which node with --node: one, two", id="several"),
        pytest.param((), "", "there is none yet", id="none"),
        pytest.param(("one",), "two", "there is no node two: name one of one", id="unknown"),
    ],
)
def test_a_node_that_is_not_clear_is_one_sentence(
    there: tuple[str, ...], wanted: str, said: str
) -> None:
    with pytest.raises(ClusterError, match=said):
        gpus.chosen(nodes(*there), wanted)


@pytest.fixture
def cluster(tmp_path: Path) -> Places:
    """Return a cluster whose kubectl writes down what it is asked for."""
    places = Places(cache=tmp_path / "cache", state=tmp_path / "state")
    places.tools.mkdir(parents=True)
    program = places.tools / "kubectl"
    answer = json.dumps(nodes("one"))
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/asked\necho '{answer}'\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    places.kubeconfig.touch()
    return places


def test_the_status_subresource_of_the_node_is_patched(cluster: Places, tmp_path: Path) -> None:
    gpus.advertise(cluster, 3)
    asked = (tmp_path / "asked").read_text().splitlines()[-1]
    assert "patch node one --subresource status --type merge" in asked
    assert asked.endswith(json.dumps(gpus.change(3)))


@pytest.mark.parametrize("count", [-1, 1025])
def test_a_senseless_number_is_refused(cluster: Places, count: int) -> None:
    with pytest.raises(ClusterError, match="from 0 to 1024"):
        gpus.advertise(cluster, count)


def test_without_a_cluster_it_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="make up"):
        gpus.advertise(Places(cache=tmp_path, state=tmp_path), 1)


def test_the_help_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["gpus", "--help"])
    assert "--node" in capsys.readouterr().out
