"""What a scoring Pod is told by each field, and that a change of it is another revision."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from comal_operator.api.model_deployment import ModelDeployment, ModelDeploymentSpec
from comal_operator.core.children import is_ours
from comal_operator.core.serving.pod_environment import pod_environment
from comal_operator.core.serving.resolution import Resolved
from comal_operator.core.serving.revision import revision_name
from comal_scorer.settings import read_settings
from make import a_version
from serving_world import ServingWorld, an_endpoint

MODEL = Resolved("diabetes-v1", "diabetes", "1", "sha256:" + "a" * 64, "http://r:5001", "models/d")
SINK = {"volume": {"claimName": "collected"}}
DIRECTORY = "/var/comal/collected"
COLLECTING = {
    "COMAL_COLLECT_DIR": DIRECTORY,
    "COMAL_WORKSPACE": "team",
    "COMAL_SERVICE": "diabetes",
}
COLLECTOR = "http://otel-collector.monitoring:4318"
TRACED = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR,
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "1",
    "OTEL_SERVICE_NAME": "diabetes-scorer",
    "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=team",
}

TOLD = [
    ({}, {}),
    ({"predictor": {"mode": "strict"}}, {}),
    ({"predictor": {"mode": "aml-v1"}}, {"COMAL_MODE": "aml-v1"}),
    ({"predictor": {"contract": "input-data"}}, {"COMAL_CONTRACT": "input-data"}),
    ({"predictor": {"startupTimeout": "5m"}}, {}),
    ({"predictor": {"startupTimeout": "1h"}}, {"COMAL_LOAD_SECONDS": "3600"}),
    ({"predictor": {"pictures": {"timeout": "5s"}}}, {}),
    ({"predictor": {"pictures": {"maxPixels": 1000}}}, {"COMAL_MAX_IMAGE_PIXELS": "1000"}),
    (
        {
            "predictor": {
                "pictures": {
                    "urls": ["photos.example.com", "https://a.example.com/x/"],
                    "networks": ["10.0.0.0/8", "fd00::/8"],
                    "timeout": "1500ms",
                }
            }
        },
        {
            "COMAL_IMAGE_URLS": "photos.example.com https://a.example.com/x/",
            "COMAL_IMAGE_NETWORKS": "10.0.0.0/8 fd00::/8",
            "COMAL_IMAGE_SECONDS": "1.5",
        },
    ),
    (
        {"predictor": {"script": {"fromModel": True, "timeout": "2m"}}},
        {"COMAL_SCRIPT": "model", "COMAL_SCRIPT_SECONDS": "120"},
    ),
    (
        {"predictor": {"script": {"configMap": "scoring-7d2", "timeout": "1m"}}},
        {"COMAL_SCRIPT": "/etc/comal/script/score.py"},
    ),
    (
        {"predictor": {"script": {"configMap": "scoring-7d2", "file": "entry.py"}}},
        {"COMAL_SCRIPT": "/etc/comal/script/entry.py"},
    ),
    (
        {"dataCollection": {"sink": SINK}},
        {**COLLECTING, "COMAL_COLLECT": "inputs,predictions"},
    ),
    (
        {"dataCollection": {"sink": SINK, "inputs": False, "sample": "0.05"}},
        {**COLLECTING, "COMAL_COLLECT": "predictions", "COMAL_COLLECT_SAMPLE": "0.05"},
    ),
    (
        {"telemetry": {"otlp": {"endpoint": COLLECTOR}, "sample": "0.05"}},
        TRACED | {"OTEL_TRACES_SAMPLER_ARG": "0.05"},
    ),
    ({"telemetry": {"otlp": {"endpoint": COLLECTOR}}}, TRACED),
    (
        {
            "telemetry": {"otlp": {"endpoint": COLLECTOR}},
            # Whoever says more of OpenTelemetry is believed.
            "predictor": {"env": [{"name": "OTEL_SERVICE_NAME", "value": "mine"}]},
        },
        {name: value for name, value in TRACED.items() if name != "OTEL_SERVICE_NAME"},
    ),
    ({"limits": {"maxBody": "5Mi"}}, {"COMAL_MAX_BODY_BYTES": str(5 << 20)}),
]


def spec(fields: dict[str, Any]) -> ModelDeploymentSpec:
    return ModelDeployment.model_validate(an_endpoint(**fields)).spec


@pytest.mark.parametrize(("fields", "told"), TOLD, ids=json.dumps)
def test_what_a_pod_is_told(fields: dict[str, Any], told: dict[str, str]) -> None:
    assert pod_environment(an_endpoint(**fields), spec(fields)) == told


@pytest.mark.parametrize(("fields", "told"), TOLD, ids=json.dumps)
def test_another_revision_exactly_when_pods_are_told_something(
    fields: dict[str, Any], told: dict[str, str]
) -> None:
    same = revision_name(MODEL, spec(fields)) == revision_name(MODEL, spec({}))
    assert same == (told == {})


@pytest.mark.parametrize(("fields", "told"), TOLD, ids=json.dumps)
def test_the_scorer_understands_what_it_is_told(
    fields: dict[str, Any], told: dict[str, str]
) -> None:
    """Every value that the schema takes must be one that the scorer starts with."""
    del fields
    told = {name: value for name, value in told.items() if "/etc/" not in value}
    settings = read_settings({"COMAL_MODEL_DIGEST": "sha256:0", **told})
    assert (settings.collection is not None) == ("COMAL_COLLECT_DIR" in told)
    assert settings.traced == ("OTEL_EXPORTER_OTLP_ENDPOINT" in told)


@pytest.mark.parametrize(
    ("fields", "other"),
    [
        (
            {"script": {"configMap": "scoring-7d2"}},
            {"script": {"configMap": "scoring-8ab"}},
        ),
        ({"pictures": {"urls": ["a.example.com"]}}, {"pictures": {"urls": ["b.example.com"]}}),
    ],
    ids=["another ConfigMap", "another host"],
)
def test_another_value_is_another_revision(fields: Any, other: Any) -> None:
    one, two = (revision_name(MODEL, spec({"predictor": each})) for each in (fields, other))
    assert one != two


def test_another_claim_is_another_revision() -> None:
    one, two = (
        revision_name(MODEL, spec({"dataCollection": {"sink": {"volume": {"claimName": name}}}}))
        for name in ("here", "there")
    )
    assert one != two


def served(**fields: Any) -> ServingWorld:
    world = ServingWorld().add(an_endpoint(**fields), a_version(1))
    world.settle()
    return world


def pod_of(world: ServingWorld) -> dict[str, Any]:
    found: dict[str, Any] = world.of_revision(world.status["stable"]["revision"])
    pod: dict[str, Any] = found["spec"]["template"]["spec"]
    return pod


def test_a_script_lies_where_the_pod_is_told() -> None:
    pod = pod_of(served(predictor={"script": {"configMap": "scoring-7d2"}}))
    [scorer] = pod["containers"]
    [volume] = [one for one in pod["volumes"] if one["name"] == "script"]
    # The scorer says at once what is missing; the kubelet would only wait.
    assert volume["configMap"] == {"name": "scoring-7d2", "optional": True}
    [mount] = [one for one in scorer["volumeMounts"] if one["name"] == "script"]
    assert mount == {"name": "script", "mountPath": "/etc/comal/script", "readOnly": True}
    assert not [one for one in pod["initContainers"][0]["volumeMounts"] if one["name"] == "script"]


def test_what_is_collected_goes_to_the_claim() -> None:
    pod = pod_of(served(dataCollection={"sink": SINK}))
    [volume] = [one for one in pod["volumes"] if one["name"] == "collected"]
    assert volume["persistentVolumeClaim"] == {"claimName": "collected"}
    [mount] = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "collected"]
    assert mount == {"name": "collected", "mountPath": DIRECTORY}


def egress_of(world: ServingWorld) -> list[dict[str, Any]]:
    policy = world.objects["NetworkPolicy", "diabetes-scorer"]
    assert is_ours(policy, world.mdep)
    egress: list[dict[str, Any]] = policy["spec"]["egress"]
    return egress


def test_pods_that_follow_no_url_reach_no_address() -> None:
    assert not [
        peer for rule in egress_of(served()) for peer in rule.get("to", ()) if "ipBlock" in peer
    ]


def test_pods_that_follow_urls_reach_the_public_and_what_is_named() -> None:
    urls = ["photos.example.com", "http://pictures.team.svc:8000/animals"]
    world = served(predictor={"pictures": {"urls": urls, "networks": ["10.96.0.0/12"]}})
    rule = egress_of(world)[-1]
    blocks = {peer["ipBlock"]["cidr"]: peer["ipBlock"].get("except") for peer in rule["to"]}
    assert set(blocks) == {"0.0.0.0/0", "::/0", "10.96.0.0/12"}
    assert {"10.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16"} < set(blocks["0.0.0.0/0"] or ())
    assert [one["port"] for one in rule["ports"]] == [80, 443, 8000]


def test_a_revision_that_still_serves_keeps_its_way_to_pictures() -> None:
    world = served(predictor={"pictures": {"urls": ["photos.example.com"]}})
    before = egress_of(world)
    world.edit(predictor={"startupTimeout": "10m"})
    world.look()
    assert world.status["stable"]["revision"]
    assert egress_of(world) == before

    world.settle(3 * 3600)
    assert world.status.get("candidate") is None
    world.edit(revisionHistoryLimit=1)
    world.settle(3600)
    assert not [
        peer for rule in egress_of(world) for peer in rule.get("to", ()) if "ipBlock" in peer
    ]


@pytest.mark.parametrize(
    ("form", "image"),
    [
        ("onnx", "localhost/comal/scorer:1"),
        ("litert", "localhost/comal/scorer:1"),
        ("tensorflow", "localhost/comal/scorer-tensorflow:1"),
        ("skops", "localhost/comal/scorer-tensorflow:1"),
        ("script", "localhost/comal/scorer-tensorflow:1"),
    ],
)
def test_the_image_follows_the_format(form: str, image: str) -> None:
    version = a_version(1)
    version["spec"]["format"] = form
    world = ServingWorld().add(an_endpoint(), version)
    second = "localhost/comal/scorer-tensorflow:1"
    world.settings = replace(world.settings, scorer_tensorflow_image=second)
    world.settle()
    pod = pod_of(world)
    assert {one["image"] for one in (*pod["initContainers"], *pod["containers"])} == {image}


def test_without_a_second_image_the_default_one_says_what_is_missing() -> None:
    version = a_version(1)
    version["spec"]["format"] = "tensorflow"
    world = ServingWorld().add(an_endpoint(), version)
    world.settle()
    assert pod_of(world)["containers"][0]["image"] == "localhost/comal/scorer:1"


def test_an_image_of_ones_own_is_used_whatever_the_format() -> None:
    version = a_version(1)
    version["spec"]["format"] = "tensorflow"
    world = ServingWorld().add(an_endpoint(image="localhost/own/scorer:2"), version)
    world.settle()
    assert pod_of(world)["containers"][0]["image"] == "localhost/own/scorer:2"
