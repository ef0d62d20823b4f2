"""Runs, registries and versions that the API server must refuse, and with what words."""

from __future__ import annotations

from typing import Any

import pytest

from make import a_run, a_version


def sent(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest as a user writes it: name and spec."""
    return {**manifest, "metadata": {"name": manifest["metadata"]["name"]}}


def run(*steps: dict[str, Any], name: str = "diabetes", **spec: Any) -> dict[str, Any]:
    """Return a TrainingRun that is right but for what the row changes."""
    return sent(a_run(name=name, **{"steps": list(steps) or [{"name": "train"}], **spec}))


def step(name: str = "train", **more: Any) -> dict[str, Any]:
    return {"name": name, **more}


def gate(**more: Any) -> dict[str, Any]:
    said = {"metric": "mse", "goal": "Minimize", **more}
    return run(gate=said, register={"model": "diabetes"})


def register(**more: Any) -> dict[str, Any]:
    return run(register={"model": "diabetes", **more})


def sweep(**more: Any) -> dict[str, Any]:
    outside = {key: more.pop(key) for key in ("workspace",) if key in more}
    said = {
        "parameters": {"alpha": {"choice": ["0.1"]}},
        "maxTrials": 3,
        "objective": {"metric": "mse", "goal": "Minimize"},
        **more,
    }
    return run(sweep=said, **outside)


def env(**variable: Any) -> dict[str, Any]:
    return run(step(env=[{"name": "X", **variable}]))


def registry(name: str = "default", **embedded: Any) -> dict[str, Any]:
    return {
        "apiVersion": "comal.dev/v1alpha1",
        "kind": "ModelRegistry",
        "metadata": {"name": name},
        "spec": {"store": {"embedded": embedded}},
    }


def version(name: str = "diabetes-v1", **spec: Any) -> dict[str, Any]:
    found = sent(a_version(1, mse="1", **spec))
    return {**found, "metadata": {"name": name}}


KEY = {"name": "s", "key": "k"}

# (manifest, words that the refusal must have)
WRONG_TRAINING = [
    pytest.param(run(name="d" * 41), ("metadata.name", "at most 40", "shorten"), id="a name of 41"),
    pytest.param(run(name="dia.betes"), ("metadata.name", "rename"), id="a name with a dot"),
    pytest.param(run(name="4be1c0d"), ("metadata.name", "letter"), id="a name from a digit on"),
    pytest.param(run(steps=[]), ("spec.steps", "at least 1"), id="no steps"),
    pytest.param(
        run(*[step(f"s{n}") for n in range(33)]), ("spec.steps", "at most 32"), id="33 steps"
    ),
    pytest.param(
        run(step(), step()), ("spec.steps[1]", "Duplicate value"), id="two steps of one name"
    ),
    pytest.param(
        run(step("a", after=["b"]), step("b")),
        ("spec", "steps[].after", "above", "move the step down"),
        id="after a step below",
    ),
    pytest.param(run(step("a", after=["a"])), ("after", "above"), id="after itself"),
    pytest.param(
        run(notify=[{"webhook": {"secretRef": {"name": "hook"}}, "when": ["Done"]}]),
        ("spec.notify[0].when[0]", "supported values"),
        id="an edge that there is not",
    ),
    pytest.param(
        run(notify=[{"webhook": {"secretRef": {"name": "hook"}}, "when": []}]),
        ("spec.notify[0].when", "at least 1 items"),
        id="a webhook that is told nothing",
    ),
    pytest.param(
        run(notify=[{"webhook": {"url": "https://example.org/key"}}]),
        ("spec.notify[0].webhook", "secretRef"),
        id="a webhook's address in the clear",
    ),
    pytest.param(run(step(after=["nowhere"])), ("after", "correct the name"), id="after nothing"),
    pytest.param(
        run(step("Train")), ("spec.steps[0].name", "lower-case"), id="a step name in capitals"
    ),
    pytest.param(
        run(step(role="Deploy")), ("spec.steps[0].role", "supported values"), id="an unknown role"
    ),
    pytest.param(
        run(step(image="https://x/y")),
        ("spec.steps[0].image", "image reference"),
        id="an image that is an address",
    ),
    pytest.param(run(image="Train:1"), ("spec.image", "such as"), id="an image in capitals"),
    pytest.param(
        run(step(resources={"limits": {"memory": "2 GB"}})),
        ("spec.steps[0].resources.limits[memory]", "quantity"),
        id="memory with a space",
    ),
    pytest.param(
        run(step(resources={"limits": {"gpu": 1}})),
        ("spec.steps[0].resources.limits", "nvidia.com/gpu", "correct the name"),
        id="a resource without its domain",
    ),
    pytest.param(
        run(step(resources={"requests": {"cpu": 0.5}})),
        ("spec.steps[0].resources.requests.cpu", "integer,string"),
        id="half a core as a float",
    ),
    pytest.param(env(), ("spec.steps[0].env[0]", "exactly one", "keep one"), id="env of nothing"),
    pytest.param(
        env(value="1", secretKeyRef=KEY),
        ("spec.steps[0].env[0]", "exactly one", "keep one"),
        id="env of two things",
    ),
    pytest.param(
        env(name="COMAL_RUN", value="x"),
        ("spec.steps[0].env[0]", "COMAL_", "choose another"),
        id="env of the contract",
    ),
    pytest.param(
        env(name="MY-VAR", value="x"),
        ("spec.steps[0].env[0].name", "letters, digits and _"),
        id="env with a dash",
    ),
    pytest.param(
        run(step(placement={"tolerations": [{"operator": "Equals"}]})),
        ("spec.steps[0].placement.tolerations[0].operator", "supported values"),
        id="a toleration's operator",
    ),
    pytest.param(
        run(parameters={"db-password": "x"}),
        ("spec.parameters", "looks like a secret", "secretKeyRef"),
        id="a password in parameters",
    ),
    pytest.param(
        run(parameters={"API_KEY": "x"}),
        ("spec.parameters", "looks like a secret", "secretKeyRef"),
        id="a key in parameters",
    ),
    pytest.param(
        run(parameters={"learning rate": "1"}), ("spec.parameters", "rename"), id="a space in one"
    ),
    pytest.param(
        run(parameters={"alpha": 0.4}),
        ("spec.parameters.alpha", "type string"),
        id="a parameter that is a float",
    ),
    pytest.param(
        run(workspace={"existingClaim": "disk", "size": "10Gi"}),
        ("spec.workspace", "existingClaim", "remove"),
        id="a claim and a size",
    ),
    pytest.param(
        run(workspace={"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]}),
        ("spec.workspace.accessModes", "ReadWriteOncePod", "remove"),
        id="one Pod alone and others too",
    ),
    pytest.param(
        run(workspace={"size": "10GB"}), ("spec.workspace.size", "10Gi"), id="a size in GB"
    ),
    pytest.param(
        run(workspace={"accessModes": ["Shared"]}),
        ("spec.workspace.accessModes[0]", "supported values"),
        id="an unknown access mode",
    ),
    pytest.param(
        run(workspace={"mountPath": "/comal/run"}),
        ("spec.workspace.mountPath", "use a folder of your own"),
        id="a mount over our own",
    ),
    pytest.param(
        run(workspace={"mountPath": "work"}),
        ("spec.workspace.mountPath", "absolute path"),
        id="a relative mount",
    ),
    pytest.param(
        run(gate={"metric": "mse", "goal": "Minimize"}),
        ("spec", "register.model", "remove gate"),
        id="a gate without register",
    ),
    pytest.param(gate(goal="Lower"), ("spec.gate.goal", "supported values"), id="an unknown goal"),
    pytest.param(
        gate(minDelta=0.1), ("spec.gate.minDelta", "type string"), id="a minDelta as a float"
    ),
    pytest.param(
        gate(minDelta="-1"), ("spec.gate.minDelta", "0", "or more"), id="a negative minDelta"
    ),
    pytest.param(
        gate(threshold="5,000"), ("spec.gate.threshold", "decimal"), id="a comma in a number"
    ),
    pytest.param(gate(threshold="NaN"), ("spec.gate.threshold", "decimal"), id="a NaN threshold"),
    pytest.param(
        gate(metric="mean error"), ("spec.gate.metric", "metrics.json"), id="a metric of two words"
    ),
    pytest.param(
        register(model="d" * 33),
        ("spec.register.model", "may not be more than 32"),
        id="a model name of 33",
    ),
    pytest.param(
        register(path="/workspace/model"),
        ("spec.register.path", "inside the workspace"),
        id="an absolute model path",
    ),
    pytest.param(
        register(path="../model"), ("spec.register.path", ".."), id="a path out of the workspace"
    ),
    pytest.param(
        register(when="Never"), ("spec.register.when", "supported values"), id="an unknown when"
    ),
    pytest.param(
        register(aliases=["latest"]),
        ("spec.register.aliases[0]", "latest", "choose a word"),
        id="the alias latest",
    ),
    pytest.param(
        register(aliases=["v2"]),
        ("spec.register.aliases[0]", "choose a word"),
        id="an alias like a version",
    ),
    pytest.param(
        run(source={"buildUri": "javascript:alert(1)"}),
        ("spec.source.buildUri", "https://"),
        id="a build page that is a script",
    ),
    pytest.param(
        registry(size="lots"), ("spec.store.embedded.size", "quantity"), id="a size in words"
    ),
    pytest.param(registry(name="d" * 41), ("metadata.name", "shorten"), id="a registry name of 41"),
    pytest.param(
        version(name="diabetes-2"),
        ("metadata.name", "<spec.model>-v<spec.version>", "TrainingRun"),
        id="a version with another name",
    ),
    pytest.param(
        version(version="0"), ("spec.version", "whole number from 1"), id="version nought"
    ),
    pytest.param(version(digest="latest"), ("spec.digest", "sha256:"), id="a digest that is a tag"),
    pytest.param(
        gate(baseline={"select": "Alias"}),
        ("spec.gate.baseline", "names the version", "both or neither"),
        id="a baseline by no alias",
    ),
    pytest.param(
        gate(baseline={"alias": "production"}),
        ("spec.gate.baseline", "select: Alias", "both or neither"),
        id="an alias that is not compared with",
    ),
    pytest.param(
        gate(baseline={"select": "All", "measure": "SameData"}),
        ("spec.gate.baseline", "SameData", "select Best"),
        id="all versions on the same data",
    ),
    pytest.param(
        gate(guards=[{"metric": "r2"}]),
        ("spec.gate.guards[0]", "at least one", "add one"),
        id="a guard that guards nothing",
    ),
    pytest.param(
        gate(guards=[{"metric": "r2", "min": "1"}, {"metric": "r2", "max": "2"}]),
        ("spec.gate.guards[1]", "Duplicate value"),
        id="two guards of one metric",
    ),
    pytest.param(
        gate(onReject="Stop"), ("spec.gate.onReject", "supported values"), id="an unknown onReject"
    ),
    pytest.param(
        register(sign={"key": "k"}),
        ("spec.register.sign", "nothing to sign", "add data or model"),
        id="signing nothing",
    ),
    pytest.param(
        run(data=[{"name": "a", "uri": "ftp://x/y.csv"}]),
        ("spec.data[0].uri", "https://", "pvc://"),
        id="data by ftp",
    ),
    pytest.param(
        run(data=[{"name": "a", "uri": "https://x/y.csv", "sha256": "G" * 64}]),
        ("spec.data[0].sha256", "64 hexadecimal digits"),
        id="a digest that is none",
    ),
    pytest.param(
        sweep(parameters={"alpha": {}}),
        ("spec.sweep.parameters[alpha]", "exactly one", "keep one"),
        id="a parameter without values",
    ),
    pytest.param(
        sweep(sampler="Grid", parameters={"alpha": {"uniform": {"min": "0", "max": "1"}}}),
        ("spec.sweep", "Grid", "choose sampler Random or TPE"),
        id="a grid without choices",
    ),
    pytest.param(
        sweep(parameters={"alpha": {"uniform": {"min": "1", "max": "0.5"}}}),
        ("spec.sweep.parameters[alpha].uniform", "min is greater", "exchange"),
        id="bounds the wrong way round",
    ),
    pytest.param(
        sweep(parameters={"lr": {"logUniform": {"min": "0", "max": "0.5"}}}),
        ("spec.sweep.parameters[lr].logUniform", "above 0"),
        id="the logarithm of nothing",
    ),
    pytest.param(
        sweep(parameters={"depth": {"integer": {"min": "1", "max": "2.5"}}}),
        ("spec.sweep.parameters[depth].integer", "whole numbers"),
        id="half an integer",
    ),
    pytest.param(
        sweep(workspace={"existingClaim": "disk"}),
        ("spec", "existingClaim", "remove it"),
        id="trials on one claim",
    ),
    pytest.param(
        run(profile={"request": {}, "sizes": [{"cpu": "1", "memory": "1Gi"}]}),
        ("spec", "profile", "register.model"),
        id="a profile of nothing",
    ),
    pytest.param(
        run(register={"model": "m"}, profile={"request": {}, "sizes": []}),
        ("spec.profile.sizes", "at least 1"),
        id="a profile without sizes",
    ),
]


def changed(manifest: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {**manifest, "spec": {**manifest["spec"], **spec}}


TWO = run(step("a"), step("b", after=["a"]))
BIG = registry(size="10Gi", storageClassName="fast")

# (manifest, what it is changed to, words that the refusal must have)
WRONG_CHANGES = [
    pytest.param(
        TWO,
        changed(TWO, parameters={"alpha": "0.4"}),
        ("spec", "immutable", "new TrainingRun"),
        id="a run's parameters",
    ),
    pytest.param(
        TWO,
        changed(TWO, steps=[step("a", image="x/y:2"), step("b", after=["a"])]),
        ("spec", "immutable", "nameSuffix"),
        id="a step's image",
    ),
    pytest.param(
        run(step("a"), step("b")),
        run(step("b"), step("a")),
        ("spec", "immutable"),
        id="the order of steps",
    ),
    pytest.param(
        run(image="x/y:1"), run(), ("spec", "immutable"), id="a field of a run that goes away"
    ),
    pytest.param(
        BIG,
        registry(size="5Gi", storageClassName="fast"),
        ("spec.store.embedded", "size can only grow"),
        id="a registry that shrinks",
    ),
    pytest.param(
        BIG,
        registry(size="10Gi"),
        ("spec.store.embedded", "storageClassName cannot change"),
        id="a registry's class",
    ),
    pytest.param(
        version(),
        version(metrics={"mse": "0"}),
        ("spec", "immutable but for aliases"),
        id="a version's metrics",
    ),
    pytest.param(
        version(),
        version(description="better"),
        ("spec", "immutable but for aliases"),
        id="a field added to a version",
    ),
]
