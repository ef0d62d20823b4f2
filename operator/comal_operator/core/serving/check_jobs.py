"""The Jobs that ask a rollout's further checks, and what their ends say.

Both kinds run in the endpoint's own namespace and none in the operator: an address that a user
chooses is then called with what that user's own Pods may reach, and with no more (decision 0026).
"""

from __future__ import annotations

from typing import Any, Final

from comal_operator.api.rollout_checks import Check, JobCheck, PrometheusCheck
from comal_operator.core.children import is_ours
from comal_operator.core.conditions import find, is_true, parse_timestamp
from comal_operator.core.durations import parse_duration
from comal_operator.core.names import child_name
from comal_operator.core.plan import Action, Create, Delete, Manifest, Ref, Seen, Settings
from comal_operator.core.serving.checks import ERROR, FAILED, PASSED, due, round_key
from comal_operator.core.serving.crash_log import crash_message
from comal_operator.core.serving.labels import CHECK
from comal_operator.core.serving.memory import NONE, Memory, Role
from comal_operator.core.serving.pods import SCORING_PORT
from comal_operator.core.serving.problems import problem_of
from comal_operator.core.serving.revision import child_of_revision
from comal_operator.core.serving.sandbox import sandboxed_job
from comal_operator.core.serving.sight import Round, Sight
from comal_trainer.contract import ContractError
from comal_trainer.contract.check import TOKEN_VARIABLE, Checked, Query, check_arguments

_PULLING_SECONDS: Final = 300
_TRIES: Final = 3
# A round leaves a Job; of the user's own programs the logs are worth a look.
_QUERY_KEPT_SECONDS: Final = 120
_JOB_KEPT_SECONDS: Final = 3600
_STATES: Final = {"passed": PASSED, "failed": FAILED, "error": ERROR}
_COMPONENT: Final = "app.kubernetes.io/component"


def check_rounds(mdep: Manifest, memory: Memory, sight: Sight, seen: Seen) -> dict[str, Round]:
    """Return how the rounds that are due stand, by their keys."""
    found: dict[str, Round] = {}
    for check in due(memory, sight.schedule, sight.now):
        key = round_key(check, memory, sight.schedule)
        job = seen.get("Job", _name(mdep, key))
        if job is not None and is_ours(job, mdep):
            found[key] = _round(check, job, seen)
    return found


def check_actions(
    mdep: Manifest, memory: Memory, sight: Sight, seen: Seen, settings: Settings
) -> tuple[Action, ...]:
    """Return the Jobs of the rounds that are due, and the end of those nobody waits for."""
    schedule = sight.schedule
    wanted = {
        _name(mdep, round_key(check, memory, schedule)): check
        for check in due(memory, schedule, sight.now)
    }
    made = tuple(
        Create(_job(mdep, name, check, memory, settings))
        for name, check in wanted.items()
        if seen.get("Job", name) is None and ("Job", name) not in seen.refusals
    )
    return made + tuple(
        Delete(Ref.of(job), job["metadata"]["uid"])
        for job in seen.all("Job")
        if (job["metadata"].get("labels") or {}).get(_COMPONENT) == CHECK
        and is_ours(job, mdep)
        and job["metadata"]["name"] not in wanted
        and "deletionTimestamp" not in job["metadata"]
        and not _is_ending(job, seen)
    )


def _name(mdep: Manifest, key: str) -> str:
    return child_name(mdep["metadata"]["name"], CHECK, key)


def _is_ending(job: Manifest, seen: Seen) -> bool:
    """Return whether it runs no more; its Pod tells that first, and the Pod's log must stay."""
    conditions = (job.get("status") or {}).get("conditions")
    if is_true(conditions, "Complete") or is_true(conditions, "Failed"):
        return True
    ends = [_end_of(pod) for pod in seen.all("Pod") if is_ours(pod, job)]
    is_last = not job["spec"]["backoffLimit"]
    return any(end is not None and (is_last or not end.get("exitCode")) for end in ends)


def _round(check: Check, job: Manifest, seen: Seen) -> Round:
    at = parse_timestamp(job["metadata"]["creationTimestamp"])
    pods = [pod for pod in seen.all("Pod") if is_ours(pod, job)]
    for pod in pods:
        told = _told(check, pod)
        if told is not None:
            return Round(*told, at)
    conditions = (job.get("status") or {}).get("conditions")
    if is_true(conditions, "Failed"):
        why = (find(conditions, "Failed") or {}).get("message") or "its Job failed"
        return Round(ERROR, f"could not be evaluated: {why}", at)
    if is_true(conditions, "Complete"):
        if check.job is not None:
            return Round(PASSED, "exit code 0", at)
        return Round(ERROR, "could not be evaluated: its Pod was gone before its answer", at)
    problem = problem_of(pods)
    return Round(None, f"{problem.reason}: {problem.message}" if problem else "", at)


def _told(check: Check, pod: Manifest) -> tuple[str, str] | None:
    """Return what a Pod that has ended says; None if it has not, or was taken away."""
    ended = _end_of(pod)
    if ended is None:
        return None
    return _end_of_job(ended) if check.job is not None else _end_of_query(ended)


def _end_of(pod: Manifest) -> Manifest | None:
    """Return how its container ended; None if it has not, or was taken away."""
    status = pod.get("status") or {}
    if is_true(status.get("conditions"), "DisruptionTarget") or status.get("reason") == "Evicted":
        return None
    states = (one.get("state") or {} for one in status.get("containerStatuses") or ())
    return next((one["terminated"] for one in states if one.get("terminated")), None)


def _end_of_job(ended: Manifest) -> tuple[str, str]:
    if ended.get("reason") == "OOMKilled":
        return ERROR, "could not be evaluated: OOMKilled: raise job.resources.limits.memory"
    text = (ended.get("message") or "").strip()
    if ended.get("exitCode"):
        return FAILED, crash_message(ended["exitCode"], text)
    return PASSED, f"exit code 0: {text.splitlines()[-1]}" if text else "exit code 0"


def _end_of_query(ended: Manifest) -> tuple[str, str]:
    try:
        checked = Checked.decode(ended.get("message") or "")
    except ContractError:
        code = ended.get("exitCode")
        return ERROR, f"could not be evaluated: the Pod that asks ended with exit code {code}"
    return _STATES[checked.state], checked.message


def _job(
    mdep: Manifest, name: str, check: Check, memory: Memory, settings: Settings
) -> dict[str, Any]:
    facts = _facts(mdep, memory)
    if check.job is not None:
        return _program(mdep, name, check.job, facts)
    if check.prometheus is not None:
        return _question(mdep, name, check.prometheus, facts, settings)
    raise AssertionError("a check is by query or by Job: the schema says so")


def _program(mdep: Manifest, name: str, job: JobCheck, facts: dict[str, str]) -> dict[str, Any]:
    variables = [one.to_wire() for one in job.env]
    container: dict[str, Any] = {
        "image": job.image,
        "env": [*({"name": key, "value": value} for key, value in facts.items()), *variables],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if job.command:
        container["command"] = list(job.command)
    if job.args:
        container["args"] = list(job.args)
    if job.secret_name is not None:
        container["envFrom"] = [{"secretRef": {"name": job.secret_name}}]
    if job.resources is not None:
        container["resources"] = job.resources.to_wire()
    return sandboxed_job(
        mdep,
        name,
        CHECK,
        container,
        backoffLimit=0,
        activeDeadlineSeconds=max(1, int(parse_duration(job.timeout).total_seconds())),
        ttlSecondsAfterFinished=_JOB_KEPT_SECONDS,
        # A Pod that was evicted has not judged anything: the Job makes another one.
        podFailurePolicy={
            "rules": [
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                }
            ]
        },
    )


def _question(
    mdep: Manifest, name: str, check: PrometheusCheck, facts: dict[str, str], settings: Settings
) -> dict[str, Any]:
    query = check.query
    for key, value in facts.items():
        query = query.replace(f"$({key})", value)
    timeout = parse_duration(check.timeout).total_seconds()
    asked = Query(check.address, query, check.min, check.max, timeout, _TRIES)
    container: dict[str, Any] = {
        "image": settings.trainer_image,
        "args": list(check_arguments(asked)),
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": "256Mi"},
        },
    }
    if check.token_secret is not None:
        source = {"secretKeyRef": check.token_secret.to_wire()}
        container["env"] = [{"name": TOKEN_VARIABLE, "valueFrom": source}]
    return sandboxed_job(
        mdep,
        name,
        CHECK,
        container,
        backoffLimit=2,
        activeDeadlineSeconds=int(_TRIES * (timeout + 1)) + _PULLING_SECONDS,
        ttlSecondsAfterFinished=_QUERY_KEPT_SECONDS,
    )


def _facts(mdep: Manifest, memory: Memory) -> dict[str, str]:
    """Return what a check may know, by the names of api.rollout_checks.CHECK_VARIABLES."""
    meta = mdep["metadata"]
    return {
        "COMAL_ENDPOINT": meta["name"],
        "COMAL_NAMESPACE": meta["namespace"],
        "COMAL_CANDIDATE_PERCENT": memory.weight or NONE,
        **_facts_of(mdep, "CANDIDATE", memory.candidate),
        **_facts_of(mdep, "STABLE", memory.stable),
    }


def _facts_of(mdep: Manifest, role: str, who: Role | None) -> dict[str, str]:
    if who is None:
        return {}
    return {
        f"COMAL_{role}_REVISION": who.revision,
        f"COMAL_{role}_MODEL_VERSION": who.model_version,
        f"COMAL_{role}_URL": f"http://{child_of_revision(mdep, who.revision)}:{SCORING_PORT}",
    }
