"""Specs of TrainingRuns: made from the schema, then mended where two fields must agree."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from walk.schema import Maker, Schema

Spec = dict[str, Any]


def make_spec(schema: Schema, dice: Random, skipped: set[str]) -> Spec:
    """Return a spec that the API server should take."""
    spec: Spec = Maker(dice, skipped).make(schema)
    for mend in _MENDS:
        mend(spec, dice)
    return spec


def is_doubtful(spec: Spec) -> bool:
    """Return whether a child of this run may be refused although its own spec was taken."""
    return any(not _is_sound(step.get("resources") or {}) for step in spec["steps"])


def _steps(spec: Spec, dice: Random) -> None:
    if not spec.get("register"):
        spec.pop("gate", None)
        spec.pop("profile", None)
    above: list[str] = []
    for step in spec["steps"]:
        if "after" in step:
            step["after"] = dice.sample(above, min(len(above), dice.randint(0, 2)))
        above.append(step["name"])
        if "cache" in step:
            step["outputs"] = step.get("outputs") or ["model/"]
            _cache(step["cache"])
            # How a step ends must not depend on whose outputs were there first.
            step.pop("retry", None)
        _env(step)


def _env(step: Spec) -> None:
    for variable in step.get("env") or ():
        given = {"value", "secretKeyRef", "configMapKeyRef"}.intersection(variable)
        for name in sorted(given)[1:]:
            del variable[name]
        if not given:
            variable["value"] = "1"


def _cache(cache: Spec) -> None:
    if cache.get("mode") == "Never":
        cache.pop("maxAge", None)


def _resources(spec: Spec, dice: Random) -> None:
    for step in spec["steps"]:
        resources = step.get("resources") or {}
        if _is_sound(resources) or dice.random() < 0.03:
            continue
        for name, amount in (resources.get("limits") or {}).items():
            if name in (resources.get("requests") or {}):
                resources["requests"][name] = amount


def _is_sound(resources: Spec) -> bool:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    whole = all("/" not in name or str(value).isdigit() for name, value in limits.items())
    return whole and all(requests[name] == limits[name] for name in requests if name in limits)


def _whole_gpus(spec: Spec, dice: Random) -> None:
    for step in spec["steps"]:
        limits = (step.get("resources") or {}).get("limits") or {}
        for name in limits:
            if "/" in name:
                limits[name] = dice.choice((1, "2"))


def _workspace(spec: Spec, _: Random) -> None:
    workspace = spec.get("workspace") or {}
    if "sweep" in spec:
        workspace.pop("existingClaim", None)
    if "existingClaim" in workspace:
        for name in ("size", "storageClassName", "accessModes", "retain"):
            workspace.pop(name, None)
    modes = workspace.get("accessModes", ["ReadWriteOnce"])
    if not modes:
        del workspace["accessModes"]
    elif "ReadWriteOncePod" in modes:
        workspace["accessModes"] = ["ReadWriteOncePod"]


def _placement(spec: Spec, _: Random) -> None:
    for step in spec["steps"]:
        placement = step.get("placement") or {}
        if "preset" not in placement:
            placement.pop("onDemandAfter", None)
        for one in placement.get("tolerations") or ():
            _toleration(one)


def _toleration(one: Spec) -> None:
    # What the Pod's own schema asks for: the step's Job would be refused.
    if one.get("operator") == "Exists" or not one.get("key"):
        one.pop("value", None)
    if not one.get("key"):
        one["operator"] = "Exists"
    if one.get("effect") != "NoExecute":
        one.pop("tolerationSeconds", None)


def _gate(spec: Spec, dice: Random) -> None:
    gate = spec.get("gate") or {}
    baseline = gate.get("baseline") or {}
    if baseline.get("select") != "Alias":
        baseline.pop("alias", None)
    elif "alias" not in baseline:
        baseline["alias"] = "candidate"
    if baseline.get("select") == "All":
        baseline.pop("measure", None)
    for guard in gate.get("guards") or ():
        if not {"min", "max", "maxDrop", "maxRise"}.intersection(guard):
            guard[dice.choice(("min", "max"))] = "5000"


def _register(spec: Spec, _: Random) -> None:
    register = spec.get("register") or {}
    if register.get("sign") is not None and not {"data", "model"}.intersection(register["sign"]):
        register["sign"]["model"] = "model/model.joblib"


def _sweep(spec: Spec, dice: Random) -> None:
    sweep = spec.get("sweep")
    if not sweep:
        return
    sweep["maxTrials"], sweep["parallelism"] = dice.randint(1, 3), dice.randint(1, 2)
    for name in sweep["parameters"]:
        space: Spec = {"choice": ["0.1", "0.4"]}
        if sweep.get("sampler", "Grid") != "Grid" and dice.random() < 0.5:
            bounds = {"min": "1", "max": "9"}
            space = {dice.choice(("uniform", "logUniform", "integer")): bounds}
        sweep["parameters"][name] = space
    sweep["objective"]["metric"] = "mse"
    spec["steps"] = spec["steps"][:1]
    spec["steps"][0].pop("after", None)


def _parallel(spec: Spec, _: Random) -> None:
    for step in spec["steps"]:
        if step.get("distributed"):
            step["distributed"]["workers"] = 2


_MENDS: tuple[Callable[[Spec, Random], None], ...] = (
    _steps,
    _whole_gpus,
    _resources,
    _workspace,
    _placement,
    _gate,
    _register,
    _sweep,
    _parallel,
)
