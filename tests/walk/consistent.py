"""Whether what is there is what the spec says: the first oracle, once a walk is at rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from comal_operator.core.conditions import find, is_true
from comal_operator.core.names import LABEL_STEP
from comal_operator.core.reasons import GateReason, RunReason
from comal_trainer.contract.images import reference, without_tag
from crash.cluster import Body
from crash.standin.controllers import LABEL_RUN
from crash.standin.jobs import event_of
from walk.answers import digest_of_image
from walk.around_run import explained
from walk.cluster_around import PART
from walk.moves import Scene
from walk.specs import Spec

_REASONS = frozenset(map(str, (*RunReason, *GateReason)))
_DEFAULT_IMAGE = "localhost/comal/trainer:test"


def faults(scene: Scene) -> Iterator[str]:
    """Yield what is wrong."""
    for run in scene.mirror.all(scene.namespace, "TrainingRun"):
        name = run["metadata"]["name"]
        for check in (_spec, _status, _state, _jobs, _volume, _notices):
            for text in check(scene, run):
                yield f"run {name}: {text}"
    for body in scene.mirror.all(scene.namespace):
        if body["kind"] != "TrainingRun" and PART in (body["metadata"].get("annotations") or {}):
            yield f"{body['kind']} {body['metadata']['name']} has a copy of somebody's annotations"


def _spec(scene: Scene, run: Body) -> Iterator[str]:
    meta = run["metadata"]
    sent = scene.sent.get(meta["uid"])
    if sent is not None and run["spec"] != sent:
        yield "its spec is not what people sent"
    if sent is not None and set(meta.get("annotations") or {}) != {PART}:
        yield f"its annotations became {meta.get('annotations')}"
    if meta.get("finalizers") or (sent is not None and meta.get("labels")):
        yield f"it has finalizers {meta.get('finalizers')} and labels {meta.get('labels')}"


def _status(_: Scene, run: Body) -> Iterator[str]:
    status, generation = run.get("status") or {}, run["metadata"]["generation"]
    if status.get("observedGeneration") != generation:
        yield f"observedGeneration {status.get('observedGeneration')} instead of {generation}"
    conditions = status.get("conditions") or []
    for one in conditions:
        if one["reason"] not in _REASONS:
            yield f"{one['type']} has the unknown reason {one['reason']}"
        if one.get("observedGeneration") != generation:
            yield f"{one['type']} is of generation {one.get('observedGeneration')}"
        if not one.get("message") or "Traceback" in one["message"] or "Error(" in one["message"]:
            yield f"{one['type']} says {one.get('message')!r}"
    moods = [kind for kind in ("Reconciling", "Stalled") if is_true(conditions, kind)]
    if is_true(conditions, "Ready"):
        moods.append("Ready")
    if len(moods) != 1:
        yield f"it is {' and '.join(moods) or 'neither Ready nor Reconciling nor Stalled'}"
    if is_true(conditions, "Complete") and is_true(conditions, "Failed"):
        yield "it is Complete and Failed"


def _state(scene: Scene, run: Body) -> Iterator[str]:
    if not explained(scene, run):
        ready = find((run.get("status") or {}).get("conditions"), "Ready") or {}
        yield f"stuck at {ready.get('reason')}: {ready.get('message')}"


def _jobs(scene: Scene, run: Body) -> Iterator[str]:
    spec, uid = run["spec"], run["metadata"]["uid"]
    conditions = (run.get("status") or {}).get("conditions")
    over = is_true(conditions, "Complete") or is_true(conditions, "Failed")
    steps = {one["name"]: one for one in spec["steps"]}
    states = {one["name"]: one for one in (run.get("status") or {}).get("steps") or ()}
    alive: dict[str, int] = {}
    for job in scene.mirror.all(scene.namespace, "Job"):
        if job["metadata"]["labels"].get(LABEL_RUN) != run["metadata"]["name"]:
            continue
        name = job["metadata"]["name"]
        if job["metadata"]["ownerReferences"][0]["uid"] != uid:
            yield f"Job {name} is of a run that is gone"
            continue
        ended = any(is_true(job.get("status", {}).get("conditions"), k) for k in _ENDS)
        by_itself = job["metadata"]["labels"]["app.kubernetes.io/component"] in _END_BY_THEMSELVES
        if not (ended or by_itself) and (over or (spec.get("suspend") and not spec.get("queue"))):
            yield f"Job {name} runs although the run does not"
        if job["metadata"]["labels"]["app.kubernetes.io/component"] != "training-step":
            continue
        step = job["metadata"]["labels"][LABEL_STEP]
        alive[step] = alive.get(step, 0) + (not ended)
        if alive[step] > 1:
            yield f"two Jobs of step {step} run"
        yield from _differences(spec, steps[step], job)
    yield from _order(scene, run, states)


_ENDS = ("Complete", "Failed")
# What reads the series of an ended run, and what tells of it.
_END_BY_THEMSELVES = ("training-series", "training-notify")


def _differences(spec: Spec, step: Spec, job: Body) -> Iterator[str]:
    pod = job["spec"]["template"]["spec"]
    [container] = [one for one in pod["containers"] if one["name"] == "step"]
    wanted = {
        "image": _image(step.get("image") or spec.get("image") or _DEFAULT_IMAGE),
        "command": step.get("command") or None,
        "args": step.get("args") or None,
        "workingDir": (spec.get("workspace") or {}).get("mountPath", "/workspace"),
    }
    for name, value in wanted.items():
        if container.get(name) != value:
            yield f"step {step['name']}: {name} {container.get(name)!r} instead of {value!r}"
    for name, value in ((step.get("placement") or {}).get("nodeSelector") or {}).items():
        if (pod.get("nodeSelector") or {}).get(name) != value:
            yield f"step {step['name']}: nodeSelector {pod.get('nodeSelector')}"
    yield from _resources(step, container)
    for text in _environment(spec, step, container):
        yield f"step {step['name']}: {text}"
    account = spec.get("serviceAccountName", pod.get("serviceAccountName"))
    if pod.get("serviceAccountName") != account:
        yield f"step {step['name']}: account {pod.get('serviceAccountName')}"
    if pod.get("automountServiceAccountToken") is not False:
        yield f"step {step['name']} gets a token"


def _image(named: str) -> str:
    """Return what runs where `named` stands: a tag by the digest that its registry told."""
    if "@" in named or reference(named).is_local:
        return named
    return f"{without_tag(named)}@{digest_of_image(named)}"


def _environment(spec: Spec, step: Spec, container: Body) -> Iterator[str]:
    env = {one["name"]: one for one in container["env"]}
    for one in step.get("env") or ():
        there = env.get(one["name"], {})
        source = {k: one[k] for k in ("secretKeyRef", "configMapKeyRef") if k in one}
        said = (there.get("value", ""), there.get("valueFrom", {}))
        if said != (one.get("value", ""), source):
            yield f"env {there} instead of {one}"
    if "sweep" in spec:
        return
    for name, value in (spec.get("parameters") or {}).items():
        variable = "COMAL_PARAM_" + "".join(c if c.isalnum() else "_" for c in name.upper())
        if env.get(variable, {}).get("value", "") != value.replace("$(", "$$("):
            yield f"{variable} is {env.get(variable)}"


def _resources(step: Spec, container: Body) -> Iterator[str]:
    for part in ("requests", "limits"):
        there = (container.get("resources") or {}).get(part) or {}
        for name, value in ((step.get("resources") or {}).get(part) or {}).items():
            # The API server writes quantities its own way; that one is there is what can be told.
            if name not in there or (str(value).isdigit() and there[name] != str(value)):
                yield f"step {step['name']}: {part}.{name} {there.get(name)} instead of {value}"


def _order(scene: Scene, run: Body, states: dict[str, Any]) -> Iterator[str]:
    spec, uid = run["spec"], run["metadata"]["uid"]
    before: dict[str, list[str]] = {}
    above: list[str] = []
    for step in spec["steps"]:
        before[step["name"]] = step.get("after", above[-1:])
        above.append(step["name"])
    for owner, step, ended in scene.around.starts:
        if owner != uid:
            continue
        missing = [
            one
            for one in before[step]
            if one not in ended and states.get(one, {}).get("state") != "Cached"
        ]
        if missing:
            yield f"step {step} was started before {missing} had ended"


def _volume(scene: Scene, run: Body) -> Iterator[str]:
    spec, uid = run["spec"], run["metadata"]["uid"]
    workspace = spec.get("workspace") or {}
    for claim in scene.mirror.all(scene.namespace, "PersistentVolumeClaim"):
        owners = claim["metadata"].get("ownerReferences") or ()
        if not any(one["uid"] == uid for one in owners):
            continue
        if "existingClaim" in workspace:
            yield f"claim {claim['metadata']['name']} was made although one is given"
        wanted = workspace.get("storageClassName")
        if claim["spec"].get("storageClassName") != wanted:
            yield f"its claim is of class {claim['spec'].get('storageClassName')} and not {wanted}"
        modes = workspace.get("accessModes") or ["ReadWriteOnce"]
        if sorted(claim["spec"]["accessModes"]) != sorted(modes):
            yield f"its claim has access modes {claim['spec']['accessModes']} and not {modes}"


def _notices(scene: Scene, run: Body) -> Iterator[str]:
    """Yield what is wrong with who was told of the end: all who asked, each of them once."""
    conditions = (run.get("status") or {}).get("conditions")
    end = next((one for one in _ENDS if is_true(conditions, one)), None)
    reason = (find(conditions, "Ready") or {}).get("reason")
    # Those are told of a rejection, or of nothing.
    verdict = (find(conditions, "GatePassed") or {}).get("status")
    is_other = reason == RunReason.CANCELLED or verdict == "False"
    if end is None or run["spec"].get("ttl") or is_other:
        return
    outcome = "Completed" if end == "Complete" else end
    notify = run["spec"].get("notify") or ()
    asked = [one for one in notify if outcome in one.get("when", [outcome])]
    told = [
        job
        for job in scene.mirror.all(scene.namespace, "Job")
        if job["metadata"]["labels"]["app.kubernetes.io/component"] == "training-notify"
        and job["metadata"]["ownerReferences"][0]["uid"] == run["metadata"]["uid"]
        and event_of(job)["data"]["outcome"] == outcome
    ]
    if len(told) != len(asked):
        yield f"{len(told)} Jobs tell that it is {outcome}, and {len(asked)} webhooks asked"
