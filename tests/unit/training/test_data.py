"""A run's data: fetched before the first step, remembered, and told with the model."""

from __future__ import annotations

from typing import Any

import pytest

from comal_trainer.contract.statistics import Column, Statistics
from make import GATE, a_registry, a_run, conditions
from training_world import ANSWERS, World

DIGEST = "sha256:" + "b" * 64
FOUND = {"name": "train", "digest": DIGEST, "size": 10, "rows": 3}
ANSWER = {"data": [FOUND], "error": None}
SOURCE = {"name": "train", "uri": "https://example.org/train.csv"}


def with_data(*sources: dict[str, Any], **spec: Any) -> World:
    world = World().add(a_run(data=list(sources or (SOURCE,)), **spec), a_registry())
    world.settle()
    return world


def wrong(reason: str) -> dict[str, Any]:
    return {"data": [], "error": {"reason": reason, "message": "it says why"}}


def test_no_step_starts_before_the_data_is_there_and_remembered() -> None:
    world = with_data()
    assert conditions(world.status())["Ready"] == ("False", "FetchingData")
    assert not any(name.startswith("diabetes-train-") for _, name in world.made)
    world.end("comal-fetch-data", said=ANSWER)
    world.settle()
    assert world.status()["data"] == [FOUND]
    assert any(name.startswith("diabetes-train-") for _, name in world.made)


def test_data_that_is_remembered_is_never_fetched_again() -> None:
    world = with_data()
    world.end("comal-fetch-data", said=ANSWER)
    world.settle()
    world.objects = {k: v for k, v in world.objects.items() if k[0] not in ("Job", "Pod")}
    world.settle()
    fetched = [name for kind, name in world.made if kind == "Job" and "fetch-data" in name]
    assert len(fetched) == 1


@pytest.mark.parametrize("reason", ["DataDigestMismatch", "DataTooLarge", "DataInvalid"])
def test_wrong_data_ends_the_run(reason: str) -> None:
    world = with_data()
    world.end("comal-fetch-data", said=wrong(reason))
    world.settle()
    found = conditions(world.status())
    assert found["Failed"] == ("True", reason)
    assert not any(name.startswith("diabetes-train-") for _, name in world.made)


def test_data_that_cannot_be_had_is_asked_for_every_minute() -> None:
    world = with_data()
    world.end("comal-fetch-data", said=wrong("DataUnavailable"))
    assert world.settle().requeue_after is not None
    assert conditions(world.status())["Stalled"] == ("True", "DataUnavailable")
    world.wait(seconds=61)
    world.settle()
    world.end("comal-fetch-data", said=ANSWER)
    world.settle()
    assert conditions(world.status())["Ready"] == ("False", "Running")


def test_claims_are_mounted_for_reading_and_each_once() -> None:
    sources = [
        {"name": "a", "uri": "pvc://disk/one.csv"},
        {"name": "b", "uri": "pvc://disk/two.csv"},
        {"name": "c", "uri": "pvc://other"},
    ]
    pod = with_data(*sources).job("comal-fetch-data")["spec"]["template"]["spec"]
    claims = [v["persistentVolumeClaim"] for v in pod["volumes"] if v["name"][:6] == "source"]
    assert claims == [
        {"claimName": "disk", "readOnly": True},
        {"claimName": "other", "readOnly": True},
    ]
    mounts = {m["mountPath"]: m for m in pod["containers"][0]["volumeMounts"]}
    for name, volume in (("a", "source-0"), ("b", "source-0"), ("c", "source-1")):
        mount = mounts[f"/comal/sources/{name}"]
        assert (mount["name"], mount["readOnly"]) == (volume, True)


def test_data_that_is_gone_with_its_volume_is_a_lost_workspace() -> None:
    world = with_data()
    world.end("comal-fetch-data", said=ANSWER)
    world.settle()
    for key in [k for k in world.objects if k[0] in ("PersistentVolumeClaim", "Job", "Pod")]:
        del world.objects[key]
    world.settle()
    assert conditions(world.status())["Failed"] == ("True", "WorkspaceLost")


def test_a_version_tells_its_data_source_and_images() -> None:
    source = {"revision": "4be1c0d", "buildId": "20261121.3"}
    world = with_data(gate=GATE, register={"model": "diabetes"}, source=source)
    world.end("comal-fetch-data", said=ANSWER)
    world.register_everything()
    world.settle()
    version = world.objects["ModelVersion", "diabetes-v1"]
    lineage = version["spec"]["lineage"]
    assert lineage["data"] == [{**FOUND, "uri": "https://example.org/train.csv"}]
    assert lineage["source"] == source
    assert version["metadata"]["labels"]["comal.dev/build-id"] == "20261121.3"


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (
            "https://me:planted@example.org:8443/a/b.csv?sig=planted#x",
            "https://example.org:8443/a/b.csv",
        ),
        ("pvc://claim/folder", "pvc://claim/folder"),
    ],
)
def test_a_version_tells_where_its_data_was_and_no_login(uri: str, told: str) -> None:
    world = with_data({**SOURCE, "uri": uri}, gate=GATE, register={"model": "diabetes"})
    world.end("comal-fetch-data", said=ANSWER)
    world.register_everything()
    world.settle()
    version = world.objects["ModelVersion", "diabetes-v1"]
    assert version["spec"]["lineage"]["data"][0]["uri"] == told


def registered(packed: str = "", **spec: Any) -> World:
    """A run that registered with these statistics and a signature."""
    signed = {"of": "model", "path": "model/latest.h5", "hmac": "A" * 64, "sha256": "b" * 64}
    said = {**ANSWERS["comal-register"], "signatures": [signed], "statistics": packed}
    sign = {"model": "model/latest.h5"}
    run = a_run(gate=GATE, register={"model": "diabetes", "sign": sign}, **spec)
    world = World().add(run, a_registry())
    world.register_everything(upto="comal-convert")
    world.settle()
    world.end("comal-register", said=said)
    world.settle()
    return world


def test_signatures_are_asked_for_and_recorded() -> None:
    world = registered()
    arguments = world.job("comal-register")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[-2:] == ["--key=kf_pipeline", "--sign=model=model/latest.h5"]
    version = world.objects["ModelVersion", "diabetes-v1"]
    found = {"path": "model/latest.h5", "hmacSha256": "A" * 64, "sha256": "b" * 64}
    assert version["spec"]["signatures"] == {"model": found}


def test_later_runs_find_what_the_data_was_like() -> None:
    table = Statistics(442, (Column("age", 3, "0.5", "1", "-2", "3"), Column("name", 0)))
    world = registered(table.packed(4000))
    version = world.objects["ModelVersion", "diabetes-v1"]
    assert version["spec"]["dataStatistics"]["columns"][1] == {"name": "name", "nulls": 0}

    world.add(a_run(name="later", gate=GATE, register={"model": "diabetes"}))
    world.settle("later")
    [files] = [
        thing["data"]
        for (kind, name), thing in world.objects.items()
        if kind == "ConfigMap" and name.startswith("later-")
    ]
    assert Statistics.read(files["baseline-statistics.json"]) == table


def test_statistics_that_cannot_be_read_are_left_out() -> None:
    version = registered("rubbish").objects["ModelVersion", "diabetes-v1"]
    assert "dataStatistics" not in version["spec"]
