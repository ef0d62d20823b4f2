"""One trial: a TrainingRun like its sweep's, with other parameters, that registers nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comal_operator.api.meta import API_VERSION, NAME_LIMIT
from comal_operator.core.children import child_metadata
from comal_operator.core.names import LABEL_SWEEP, labels, short_hash
from comal_operator.core.plan import Apply, Manifest

MODEL_PATH = "comal.dev/model-path"
# What happens once for all trials, when they are over.
_OF_THE_SWEEP = ("cancel", "gate", "notify", "profile", "register", "suspend", "sweep", "ttl")


def trial_name(run: Manifest, number: int) -> str:
    """Return the name of a trial's run: `<run>-t<number>`, the run's name cut where it is long."""
    name, tail = run["metadata"]["name"], f"-t{number}"
    if len(name) + len(tail) <= NAME_LIMIT:
        return f"{name}{tail}"
    mark = f"-{short_hash(name)}"
    return f"{name[: NAME_LIMIT - len(tail) - len(mark)].rstrip('-')}{mark}{tail}"


def trial_run(run: Manifest, number: int, parameters: Mapping[str, str]) -> Manifest:
    """Return the run of a trial. Its spec is the sweep's own text: no default is filled in."""
    spec = {key: value for key, value in run["spec"].items() if key not in _OF_THE_SWEEP}
    marks = labels("trial", **{LABEL_SWEEP: run["metadata"]["name"]})
    metadata = child_metadata(run, trial_name(run, number), marks)
    path = (run["spec"].get("register") or {}).get("path")
    if path:
        # The steps are to leave the model where the sweep will look for it.
        metadata["annotations"] = {MODEL_PATH: path}
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingRun",
        "metadata": metadata,
        "spec": {**spec, "parameters": {**spec.get("parameters", {}), **parameters}},
    }


def sweep_name(run: Manifest) -> str | None:
    """Return the name of the sweep that made this run; None where none did."""
    owners = run["metadata"].get("ownerReferences") or ()
    found = (o for o in owners if o.get("controller") and o["kind"] == "TrainingRun")
    return next((str(owner["name"]) for owner in found), None)


def is_trial(run: Manifest) -> bool:
    """Return whether a sweep made this run."""
    return sweep_name(run) is not None


def told(trial: Manifest, **spec: Any) -> Apply | None:
    """Return how a trial's suspend, cancel or ttl become those; None when they are."""
    live = trial["spec"]
    if all(live.get(key, False) == value for key, value in spec.items()):
        return None
    meta = trial["metadata"]
    named = {"name": meta["name"], "namespace": meta["namespace"]}
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "TrainingRun",
        "metadata": named,
        "spec": dict(spec),
    }
    return Apply((manifest,))
