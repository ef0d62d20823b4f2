"""ModelDeployments that the API server must refuse, and what it must say: field and remedy."""

from __future__ import annotations

from typing import Any

import pytest

DIGEST = "sha256:" + "a" * 64
BY_VERSION = {"name": "diabetes", "version": "2"}
REQUESTING = {"resources": {"requests": {"cpu": "500m"}}}
KEPT = {"volume": {"claimName": "collected"}}
MEMORY_WITHOUT_NUMBER = {
    "type": "Resource",
    "resource": {"name": "memory", "target": {"type": "Utilization", "averageValue": "1Gi"}},
}


def endpoint(name: str = "diabetes", **spec: Any) -> dict[str, Any]:
    """Return a ModelDeployment that is right but for what the row changes."""
    return {
        "apiVersion": "comal.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {"model": BY_VERSION, **spec},
    }


def choosing(**model: Any) -> dict[str, Any]:
    return endpoint(model={"name": "diabetes", **model})


def rolling(*steps: tuple[str, str], **rollout: Any) -> dict[str, Any]:
    listed = [{"percent": percent, "for": time} for percent, time in steps]
    return endpoint(rollout={"steps": listed, **rollout})


def calling(**traffic: Any) -> dict[str, Any]:
    return endpoint(traffic=traffic)


def beside(*variants: tuple[str, str], **spec: Any) -> dict[str, Any]:
    listed = [{"name": name, "model": BY_VERSION, "percent": percent} for name, percent in variants]
    return endpoint(variants=listed, **spec)


# (manifest, words that the refusal must have)
WRONG_SERVING = [
    pytest.param(
        choosing(uri="azureml:Taco_Net"),
        ("spec.model.uri", "must be azureml:<name>:<version>"),
        id="a model of Azure without a version",
    ),
    pytest.param(
        choosing(uri="https://example.org/model.onnx"),
        ("spec.model.uri", "must be azureml:<name>:<version>"),
        id="a model of anywhere",
    ),
    pytest.param(
        choosing(uri="azureml:Taco_Net:7", version="2"),
        ("spec.model", "exactly one of", "uri"),
        id="a model of Azure and a version here",
    ),
    pytest.param(
        choosing(uri="azureml:Taco_Net@latest", autoUpdate=True),
        ("spec.model", "autoUpdate goes with alias or latest"),
        id="a model of Azure that is to be followed",
    ),
    pytest.param(
        choosing(latest=True, registry="default"),
        ("spec.model", "remove registry"),
        id="a registry for what is registered",
    ),
    pytest.param(
        endpoint(variants=[{"name": "green", "model": {"name": "diabetes", "uri": "azureml:a:1"}}]),
        ("spec.variants", "model.uri is not imported"),
        id="a variant of Azure",
    ),
    pytest.param(
        endpoint(replicas=2, autoscaling={"max": 5, "cpu": 70}, predictor=REQUESTING),
        ("spec", "both replicas and autoscaling", "remove replicas"),
        id="two who scale",
    ),
    pytest.param(
        endpoint(autoscaling={"min": 5, "max": 4, "cpu": 70}, predictor=REQUESTING),
        ("autoscaling.max must not be below autoscaling.min", "raise max"),
        id="bounds the wrong way round",
    ),
    pytest.param(
        endpoint(
            autoscaling={"max": 4, "cpu": 70},
            predictor=REQUESTING,
            rollout={"capacity": "Conserve"},
        ),
        ("rollout.capacity: Conserve divides replicas", "give replicas"),
        id="conserving what an autoscaler decides",
    ),
    pytest.param(
        endpoint(autoscaling={"max": 4}, predictor=REQUESTING),
        ("autoscaling needs something to go by", "cpu: 70"),
        id="nothing to scale by",
    ),
    pytest.param(
        endpoint(autoscaling={"max": 4, "cpu": 70}),
        ("autoscaling.cpu is a percentage of the CPU that Pods request", "requests.cpu"),
        id="a percentage of nothing",
    ),
    pytest.param(
        endpoint(autoscaling={"max": 4, "metrics": [{"type": "Pods"}]}),
        ("exactly the part that its type names", "pods for Pods"),
        id="a metric without its part",
    ),
    pytest.param(
        endpoint(autoscaling={"max": 4, "metrics": [MEMORY_WITHOUT_NUMBER]}),
        ("target.type says which number is needed", "averageUtilization for Utilization"),
        id="a target without its number",
    ),
    pytest.param(
        endpoint(name="d" * 41), ("metadata.name", "at most 40", "shorten"), id="a name of 41"
    ),
    pytest.param(
        choosing(), ("spec.model", "exactly one of version, alias", "keep one"), id="no version"
    ),
    pytest.param(
        choosing(version="2", latest=True),
        ("spec.model", "exactly one of version, alias", "keep one"),
        id="a version and latest",
    ),
    pytest.param(
        choosing(alias="production", trainingRun="alpha-05"),
        ("spec.model", "exactly one of version, alias", "keep one"),
        id="an alias and a run",
    ),
    pytest.param(choosing(latest=False), ("spec.model.latest", "true"), id="latest: false"),
    pytest.param(
        choosing(version="v2"),
        ("spec.model.version", "whole number from 1"),
        id="a version with v",
    ),
    pytest.param(
        choosing(alias="latest"), ("spec.model.alias", "choose a word"), id="latest as alias"
    ),
    pytest.param(
        choosing(version="2", autoUpdate=True),
        ("spec.model", "autoUpdate goes with alias or latest", "remove autoUpdate"),
        id="autoUpdate of one version",
    ),
    pytest.param(
        choosing(version="2", digest="sha256:abc"),
        ("spec.model.digest", "64 hexadecimal digits"),
        id="half a digest",
    ),
    pytest.param(
        endpoint(model={"name": "Diabetes", "version": "2"}),
        ("spec.model.name", "lower-case"),
        id="a model in capitals",
    ),
    pytest.param(
        endpoint(image="not an image"), ("spec.image", "image reference"), id="an image in words"
    ),
    pytest.param(
        endpoint(replicas=0), ("spec.replicas", "greater than or equal to 1"), id="no replicas"
    ),
    pytest.param(
        endpoint(replicas=101), ("spec.replicas", "less than or equal to 100"), id="101 replicas"
    ),
    pytest.param(
        endpoint(limits={"timeout": "11m"}),
        ("spec.limits.timeout", "from 100ms to 10m", "choose"),
        id="a timeout of 11 minutes",
    ),
    pytest.param(
        endpoint(limits={"timeout": "5 seconds"}),
        ("spec.limits.timeout", "must be a duration such as 30s"),
        id="a timeout in words",
    ),
    pytest.param(
        endpoint(limits={"maxBody": "65Mi"}),
        ("spec.limits.maxBody", "from 1Ki to 64Mi", "choose"),
        id="a body of 65Mi",
    ),
    pytest.param(
        endpoint(access={"auth": "None", "keys": {"secretName": "mine"}}),
        ("spec.access", "access.keys goes with auth: Keys", "remove keys"),
        id="keys that nobody needs",
    ),
    pytest.param(
        endpoint(access={"ipAllow": ["10.1.2.3"]}),
        ("spec.access.ipAllow[0]", "must be a network such as 10.0.0.0/8"),
        id="an address for a network",
    ),
    pytest.param(
        endpoint(access={"proxies": ["10.0.0.0/8"]}),
        ("spec.access", "say in ipAllow who may call"),
        id="proxies for nothing",
    ),
    pytest.param(
        endpoint(access={"auth": "JWT"}), ("spec.access.auth", "Keys"), id="a way in that is none"
    ),
    pytest.param(
        endpoint(access={"tls": {}}),
        ("spec.access.tls.secretName", "Required"),
        id="no certificate",
    ),
    pytest.param(
        calling(rules=[{"header": {"name": "x api", "value": "blue"}, "to": "Stable"}]),
        ("spec.traffic.rules[0].header.name", "must be the name of a header"),
        id="a header with a space",
    ),
    pytest.param(
        calling(rules=[{"header": {"name": "Authorization", "value": "x"}, "to": "Stable"}]),
        ("spec.traffic.rules[0].header.name", "must be one of your own"),
        id="a header that has a meaning",
    ),
    pytest.param(
        calling(rules=[{"header": {"name": "x-api", "value": "blue"}, "to": "canary!"}]),
        ("spec.traffic.rules[0].to", "must be Stable, Candidate or the name of a variant"),
        id="a rule to nobody",
    ),
    pytest.param(
        calling(rules=[{"header": {"name": "x-api", "value": "blue"}, "to": "blue"}]),
        ("spec", "the name of one of spec.variants", "add that variant"),
        id="a rule to a variant that is not there",
    ),
    pytest.param(
        endpoint(access={"auth": "None"}, limits={"requestsPerSecondPerKey": 5}),
        ("limits.requestsPerSecondPerKey counts by key", "choose auth Keys"),
        id="a limit by keys that nobody needs",
    ),
    pytest.param(
        endpoint(limits={"requestsPerSecondPerKey": 0}),
        ("spec.limits.requestsPerSecondPerKey", "greater than or equal to 1"),
        id="a limit of nothing",
    ),
    pytest.param(
        endpoint(limits={"queueWait": "1s"}),
        ("spec.limits", "queueWait is the time", "give concurrencyPerPod"),
        id="a wait for nothing",
    ),
    pytest.param(
        endpoint(limits={"timeout": "5s", "concurrencyPerPod": 2, "queueWait": "6s"}),
        ("spec.limits", "must not be longer than limits.timeout", "raise timeout"),
        id="a wait longer than the timeout",
    ),
    pytest.param(
        endpoint(limits={"concurrencyPerPod": 0}),
        ("spec.limits.concurrencyPerPod", "greater than or equal to 1"),
        id="Pods that work on nothing",
    ),
    pytest.param(
        beside(("green", "60"), ("blue", "40.001")),
        ("spec", "variants[].percent must be at most 100 together", "lower one of them"),
        id="variants with more than all",
    ),
    pytest.param(
        beside(("green", "60"), ("green", "10")),
        ("spec.variants[1]", "Duplicate value"),
        id="two variants of one name",
    ),
    pytest.param(
        beside(("Stable", "60")),
        ("spec.variants[0].name", "must be lower-case letters"),
        id="a variant with the name of a role",
    ),
    pytest.param(
        beside(("green", "10%")),
        ("spec.variants[0].percent", "without %"),
        id="a variant with a percent sign",
    ),
    pytest.param(
        endpoint(variants=[{"name": "green", "model": {"name": "diabetes"}}]),
        ("spec.variants[0].model", "exactly one of version, alias", "keep one"),
        id="a variant of no version",
    ),
    pytest.param(
        calling(stickyBy={"header": "x-user"}, fallback={"when": ["Unavailable", "ServerError"]}),
        ("spec.traffic", "its errors cannot be hidden", "remove stickyBy"),
        id="sticky callers and hidden errors",
    ),
    pytest.param(
        calling(mirror={"percent": "20%"}),
        ("spec.traffic.mirror.percent", "without %"),
        id="a mirror with a percent sign",
    ),
    pytest.param(
        endpoint(
            access={"tls": {"secretName": "c"}},
            traffic={"attach": {"ingress": {"host": "score.example.com"}}},
        ),
        ("spec", "ends TLS itself", "remove access.tls"),
        id="TLS behind an Ingress",
    ),
    pytest.param(
        calling(attach={"hostnames": ["score.example.com"]}),
        ("spec.traffic.attach", "goes with parentRefs", "name the Gateway"),
        id="a host name of no Gateway",
    ),
    pytest.param(
        calling(attach={"ingress": {"host": "https://score"}}),
        ("spec.traffic.attach.ingress.host", "must be a host name"),
        id="a URL for a host",
    ),
    pytest.param(
        calling(attach={"service": {"annotations": {"comal.dev/attached": "x"}}}),
        ("spec.traffic.attach.service.annotations", "are the operator's", "other names"),
        id="an annotation of the operator's",
    ),
    pytest.param(
        calling(attach={"service": {"type": "ExternalName"}}),
        ("spec.traffic.attach.service.type", "LoadBalancer"),
        id="a Service of another type",
    ),
    pytest.param(
        calling(fallback={"when": ["ServerError"]}),
        ("spec.traffic.fallback.when", "must have Unavailable", "x-comal-no-fallback"),
        id="errors but not deaths hidden",
    ),
    pytest.param(
        calling(fallback={"when": ["Unavailable", "Timeout"]}),
        ("spec.traffic.fallback.when[1]", "ServerError"),
        id="a fallback that is none",
    ),
    pytest.param(
        calling(fallback={"maxBody": "1Gi"}),
        ("spec.traffic.fallback.maxBody", "from 1Ki to 64Mi"),
        id="a fallback that keeps all",
    ),
    pytest.param(
        endpoint(predictor={"startupTimeout": "0s"}),
        ("spec.predictor.startupTimeout", "from 1s to 24h", "choose"),
        id="no time to start",
    ),
    pytest.param(
        endpoint(predictor={"env": [{"name": "COMAL_THREADS", "value": "1"}]}),
        ("spec.predictor.env[0]", "set by the operator", "another name"),
        id="env of the operator's",
    ),
    pytest.param(
        endpoint(predictor={"env": [{"name": "X"}]}),
        ("spec.predictor.env[0]", "exactly one of value", "keep one"),
        id="env of nothing",
    ),
    pytest.param(
        endpoint(predictor={"resources": {"requests": {"gpu": 1}}}),
        ("spec.predictor.resources.requests", "nvidia.com/gpu", "correct the name"),
        id="a resource that is none",
    ),
    pytest.param(
        endpoint(predictor={"resources": {"fromProfile": True, "limits": {"memory": "1Gi"}}}),
        ("spec.predictor.resources", "fromProfile", "keep one of the two ways"),
        id="a size given twice",
    ),
    pytest.param(
        endpoint(predictor={"contract": "data-frame"}),
        ("spec.predictor.contract", "input-data"),
        id="a contract that is none",
    ),
    pytest.param(
        endpoint(predictor={"mode": "aml-v2"}),
        ("spec.predictor.mode", "aml-v1"),
        id="a mode that is none",
    ),
    pytest.param(
        endpoint(predictor={"contract": "data-matrix", "script": {"fromModel": True}}),
        ("spec.predictor", "with predictor.script the script decides that", "remove one"),
        id="a contract for a script",
    ),
    pytest.param(
        endpoint(predictor={"script": {}}),
        ("spec.predictor.script", "exactly one of configMap and fromModel", "keep one"),
        id="a script from nowhere",
    ),
    pytest.param(
        endpoint(predictor={"script": {"fromModel": True, "configMap": "scoring"}}),
        ("spec.predictor.script", "exactly one of configMap and fromModel", "keep one"),
        id="two scripts",
    ),
    pytest.param(
        endpoint(predictor={"script": {"fromModel": True, "file": "score.py"}}),
        ("spec.predictor.script", "is a key of script.configMap", "remove it"),
        id="a file of the model's script",
    ),
    pytest.param(
        endpoint(predictor={"script": {"configMap": "scoring", "file": "../score.py"}}),
        ("spec.predictor.script.file", "must be the name of a Python file"),
        id="a script elsewhere",
    ),
    pytest.param(
        endpoint(predictor={"script": {"configMap": "scoring", "timeout": "1h"}}),
        ("spec.predictor.script.timeout", "from 100ms to 10m", "choose"),
        id="an hour for an answer",
    ),
    pytest.param(
        endpoint(predictor={"pictures": {"urls": ["ftp://photos.example.com/"]}}),
        ("spec.predictor.pictures.urls[0]", "must be a host such as"),
        id="pictures by FTP",
    ),
    pytest.param(
        endpoint(predictor={"pictures": {"urls": ["a.example.com b.example.com"]}}),
        ("spec.predictor.pictures.urls[0]", "must be a host such as"),
        id="two hosts in one entry",
    ),
    pytest.param(
        endpoint(predictor={"pictures": {"networks": ["10.0.0.0/8"]}}),
        ("spec.predictor.pictures", "give urls too", "remove networks"),
        id="a network and no URL",
    ),
    pytest.param(
        endpoint(predictor={"pictures": {"urls": ["a.example.com"], "networks": ["10.0.0.1/8"]}}),
        ("spec.predictor.pictures.networks[0]", "must be a network such as 10.0.0.0/8"),
        id="an address for a network",
    ),
    pytest.param(
        endpoint(predictor={"pictures": {"timeout": "2m"}}),
        ("spec.predictor.pictures.timeout", "from 100ms to 1m", "choose"),
        id="two minutes for a picture",
    ),
    pytest.param(
        endpoint(predictor={"pictures": {"maxPixels": 0}}),
        ("spec.predictor.pictures.maxPixels", "greater than or equal to 1"),
        id="pictures without pixels",
    ),
    pytest.param(
        endpoint(dataCollection={}),
        ("spec.dataCollection.sink", "Required"),
        id="collecting to nowhere",
    ),
    pytest.param(
        endpoint(dataCollection={"sink": KEPT, "inputs": False, "predictions": False}),
        ("spec.dataCollection", "keeps neither inputs nor predictions", "remove dataCollection"),
        id="collecting nothing",
    ),
    pytest.param(
        endpoint(dataCollection={"sink": KEPT, "sample": "0"}),
        ("spec.dataCollection.sample", 'above "0" and at most "1"'),
        id="a sample of nothing",
    ),
    pytest.param(
        endpoint(dataCollection={"sink": KEPT, "sample": "5%"}),
        ("spec.dataCollection.sample", "must be a share in quotes"),
        id="a sample in percent",
    ),
    pytest.param(
        endpoint(dataCollection={"sink": KEPT}, predictor={"script": {"fromModel": True}}),
        ("spec", "a script's requests have no shape", "remove dataCollection"),
        id="collecting from a script",
    ),
    pytest.param(
        endpoint(telemetry={}),
        ("spec.telemetry", "exactly one of otlp and azureMonitor", "give one"),
        id="traces to nowhere",
    ),
    pytest.param(
        endpoint(
            telemetry={
                "otlp": {"endpoint": "http://c:4318"},
                "azureMonitor": {"connectionString": {"name": "insights", "key": "string"}},
            }
        ),
        ("spec.telemetry", "exactly one of otlp and azureMonitor", "let the collector export"),
        id="traces to two places",
    ),
    pytest.param(
        endpoint(telemetry={"azureMonitor": {"connectionString": "InstrumentationKey=1"}}),
        ("spec.telemetry.azureMonitor.connectionString", "object"),
        id="a connection string in a spec",
    ),
    *(
        pytest.param(
            endpoint(telemetry={"otlp": {"endpoint": wrong}}),
            ("spec.telemetry.otlp.endpoint", "must be http://, a host and a port", "4318"),
            id=f"traces to {wrong}",
        )
        for wrong in (
            "collector:4318",
            "http://collector",
            "https://collector:4318",
            "http://collector:65536",
            "http://collector:4318/v1/traces",
            "http://user:secret@collector:4318",
        )
    ),
    *(
        pytest.param(
            endpoint(telemetry={"otlp": {"endpoint": "http://c:4318"}, "sample": wrong}),
            ("spec.telemetry.sample", 'must be a share in quotes from "0" to "1"'),
            id=f"a share of {wrong}",
        )
        for wrong in ("1.5", "5%", "-0.1", "0.0000001")
    ),
    pytest.param(
        rolling(("10", "5m"), ("10", "5m")),
        ("spec.rollout.steps", "must rise from step to step", "put the steps in order"),
        id="a percent twice",
    ),
    pytest.param(
        rolling(("50", "5m"), ("10", "5m")),
        ("spec.rollout.steps", "must rise from step to step", "put the steps in order"),
        id="steps that fall",
    ),
    pytest.param(
        rolling(("101", "5m")),
        ("spec.rollout.steps[0].percent", 'from "0" to "100"'),
        id="101 percent",
    ),
    pytest.param(
        rolling(("10%", "5m")),
        ("spec.rollout.steps[0].percent", "without %"),
        id="a percent sign",
    ),
    pytest.param(
        rolling(("10", "2h"), ("50", "1h")),
        ("spec.rollout", "deadline must be longer", "raise deadline or shorten"),
        id="steps longer than the deadline",
    ),
    pytest.param(
        rolling(("10", "5m"), drain="2h"),
        ("spec.rollout.drain", "at most 1h"),
        id="a drain of two hours",
    ),
    pytest.param(
        endpoint(revisionHistoryLimit=-1),
        ("spec.revisionHistoryLimit", "greater than or equal to 0"),
        id="a history below nothing",
    ),
]
