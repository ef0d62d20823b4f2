"""What the operator's own Jobs would say: by their command, so that equal runs hear the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from comal_trainer import contract
from comal_trainer.contract import data, images, notice, outputs, profile, sweep
from crash.cluster import Body
from crash.standin.jobs import CONVERTED

# Data that is not what its spec says.
_OTHER_DIGEST = "0" * 64
# What the registered version measures on this run's data.
_BASELINE = "120"
_TIMES = {"p50": "1", "p95": "2", "p99": "3", "rate": "100"}
# What those say whose words hang on nothing; a notice says none.
_ALWAYS: Mapping[str, str] = {
    contract.CONVERT_COMMAND: json.dumps(CONVERTED),
    notice.NOTIFY_COMMAND: "",
    outputs.RESTORE_COMMAND: json.dumps({"size": 1, "error": None}),
    profile.PROFILE_COMMAND: json.dumps(
        {"requests": 500, **_TIMES, "peak": 1 << 20, "error": None}
    ),
}


def answer(job: Body, run: Mapping[str, Any], metrics: Mapping[str, str]) -> str:
    """Return the termination message of one of the operator's own Jobs."""
    container = job["spec"]["template"]["spec"]["containers"][0]
    command, *arguments = container["args"]
    given = dict(one.removeprefix("--").partition("=")[::2] for one in arguments if "=" in one)
    env = {one["name"]: one.get("value", "") for one in container["env"]}
    if command in _ALWAYS:
        return _ALWAYS[command]
    match command:
        case contract.COLLECT_COMMAND:
            return json.dumps(_collected(arguments, env, metrics))
        case contract.REGISTER_COMMAND:
            digest = _digest(run["metadata"]["name"], sorted(metrics.items()))
            return json.dumps({"digest": digest, "size": 1, "files": 1, "error": None})
        case data.FETCH_DATA_COMMAND:
            return json.dumps(_fetched(given["sources"].replace("$$(", "$(")))
        case images.RESOLVE_COMMAND:
            asked = [one.removeprefix("--image=") for one in arguments]
            digests = {str(at): digest_of_image(image) for at, image in enumerate(asked)}
            return images.ResolvedImages(digests).encode()
        case outputs.SEAL_COMMAND:
            found = [{"digest": _digest(one), "size": 1, "files": 1} for one in arguments]
            return json.dumps({"outputs": found, "error": None})
        case sweep.SUGGEST_COMMAND:
            return json.dumps(_suggested(json.loads(given["request"])))
    raise AssertionError(f"the walk has no answer for {command}")


def digest_of_image(name: str) -> str:
    """Return what the tag is said to name."""
    return _digest("image", name)


def _collected(arguments: list[str], env: Mapping[str, str], metrics: Mapping[str, str]) -> Body:
    asked = [one.partition("=")[2] for one in arguments if one.startswith("--baseline-metric=")]
    found = dict(metrics)
    if not found:
        # A trial of a sweep: its parameters make its value.
        tried = sorted(item for item in env.items() if item[0].startswith("COMAL_PARAM_"))
        found["mse"] = str(int(_digest(tried)[-3:], 16))
    return {"metrics": found, "error": None, "baseline": dict.fromkeys(asked, _BASELINE)}


def _fetched(sources: str) -> Body:
    found = []
    for source in data.read_sources(sources):
        if source.sha256 == _OTHER_DIGEST:
            why = {"reason": data.DATA_DIGEST_MISMATCH, "message": f"{source.name} is another"}
            return {"data": [], "error": why}
        digest = f"sha256:{source.sha256}" if source.sha256 else _digest(source.uri)
        found.append({"name": source.name, "digest": digest, "size": 1, "rows": 442})
    return {"data": found, "error": None}


def _suggested(request: Any) -> Body:
    trials = []
    for number in range(request["count"]):
        at = number + len(request["history"])
        values = [
            str(at % size) if kind == "choice" else str(int(float(least)) + at)
            for kind, size, least, _ in request["space"]
        ]
        trials.append(values)
    return {"trials": trials, "error": None}


def _digest(*parts: Any) -> str:
    return f"sha256:{hashlib.sha256(repr(parts).encode()).hexdigest()}"
