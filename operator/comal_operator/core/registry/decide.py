"""What a ModelRegistry needs next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from comal_operator.core.children import differs, is_ours
from comal_operator.core.conditions import condition, is_true, merge
from comal_operator.core.names import LABEL_MODEL_VERSION
from comal_operator.core.plan import (
    Apply,
    CreateCredentials,
    EventsOf,
    Manifest,
    Plan,
    Question,
    Ref,
    Seen,
    Settings,
    WriteStatus,
)
from comal_operator.core.reasons import RegistryReason
from comal_operator.core.registry import objects
from comal_operator.core.registry.azure_deletion import Deletion, delete_records
from comal_operator.core.registry.azure_job import azure_children
from comal_operator.core.registry.azure_workspace import Reached, reach
from comal_operator.core.registry.gateway import gateway_children, upstream_of
from comal_operator.core.registry.numbers import high_water
from comal_operator.core.registry.relevant import MODEL_REGISTRY as RELEVANT
from comal_operator.core.registry.store_reached import store_reached

__all__ = ["RELEVANT", "plan_model_registry"]

RETRY = timedelta(seconds=30)


def plan_model_registry(
    registry: Manifest, seen: Seen, *, now: datetime, settings: Settings
) -> Plan:
    """Decide what `registry` needs, given what was `seen`; no I/O, no clock, no randomness."""
    desired = _desired(registry, settings)
    foreign = _foreign(registry, desired, seen)
    login = None if foreign else _login(registry, seen)
    changed = () if foreign else _changed(desired, seen)
    questions = _questions(registry, seen)
    store = store_reached(registry, seen, settings)
    verdict = _verdict(registry, seen, foreign, store)
    reached = Reached() if foreign else reach(registry, seen, now, settings)
    deletion = _deletion(registry, seen, reached, now, settings)
    status = _status(registry, seen, verdict, (store, reached, deletion), now)
    actions: list[Any] = []
    if login is not None:
        actions.append(login)
    if changed:
        actions.append(Apply(changed))
    steps = [one.errand for one in (reached, deletion) if one.errand is not None]
    # After their account: the Pod of an older one would come as somebody else.
    actions += [step.create for step in steps if step.create is not None]
    if differs(status, registry.get("status")) or _conditions_shrank(status, registry):
        meta = registry["metadata"]
        actions.append(WriteStatus(Ref.of(registry), meta["resourceVersion"], status))
    times = [RETRY] if verdict[0] != "True" else []
    times += [step.again for step in steps if step.again is not None]
    return Plan(tuple(actions), questions, min(times, default=None))


def _desired(registry: Manifest, settings: Settings) -> tuple[Manifest, ...]:
    upstream = upstream_of(registry)
    store = (
        objects.children(registry, settings)
        if upstream is None
        else gateway_children(registry, upstream, settings)
    )
    # A registry and a workspace of Azure's are called by one account.
    both = (*store, *azure_children(registry))
    return tuple({(one["kind"], one["metadata"]["name"]): one for one in both}.values())


def _deletion(
    registry: Manifest, seen: Seen, reached: Reached, now: datetime, settings: Settings
) -> Deletion:
    is_reached = reached.state is not None and reached.state.done
    return delete_records(registry, seen, now, settings, is_reached=is_reached)


def _foreign(registry: Manifest, desired: Sequence[Manifest], seen: Seen) -> str:
    """Return the first child's name that somebody else's object has, or nothing."""
    for child in desired:
        live = seen.get(child["kind"], child["metadata"]["name"])
        if live is not None and not is_ours(live, registry):
            return f"{child['kind']} {child['metadata']['name']}"
    return ""


def _login(registry: Manifest, seen: Seen) -> CreateCredentials | None:
    """Return the login to make: the first time, and again when a Pod misses its Secret."""
    secret = objects.login_secret(registry)
    name = secret["metadata"]["name"]
    if ("Secret", name) in seen.refusals or seen.get("Secret", name) is not None:
        return None
    remembered = registry.get("status", {}).get("loginSecret") == name
    if remembered and not _secret_is_missing(name, seen):
        return None
    return CreateCredentials(secret)


def _secret_is_missing(name: str, seen: Seen) -> bool:
    return any(
        f'"{name}" not found' in message
        for question, answer in seen.answers.items()
        if isinstance(question, EventsOf) and question.kind == "Pod"
        for _, message in answer
    )


def _changed(desired: Sequence[Manifest], seen: Seen) -> tuple[Manifest, ...]:
    """Return the children that are missing or differ, leaving out what was refused."""
    return tuple(
        child
        for child in desired
        if (child["kind"], child["metadata"]["name"]) not in seen.refusals
        and differs(child, seen.get(child["kind"], child["metadata"]["name"]))
    )


def _questions(registry: Manifest, seen: Seen) -> tuple[Question, ...]:
    """Ask why, where a child hangs: the claim that is not bound, the Pod that does not start."""
    asked: list[Question] = []
    claim = seen.get("PersistentVolumeClaim", objects.service_name(registry["metadata"]["name"]))
    if claim is not None and claim.get("status", {}).get("phase") == "Pending":
        meta = claim["metadata"]
        asked.append(EventsOf("PersistentVolumeClaim", meta["name"], meta.get("uid", "")))
    for pod in seen.all("Pod"):
        meta = pod["metadata"]
        # One that records a version is that version's to ask about.
        if LABEL_MODEL_VERSION in (meta.get("labels") or {}):
            continue
        if pod.get("status", {}).get("phase") == "Pending":
            asked.append(EventsOf("Pod", meta["name"], meta.get("uid", "")))
    return tuple(question for question in asked if question not in seen.answers)


def _verdict(
    registry: Manifest, seen: Seen, foreign: str, store: Mapping[str, Any] | None
) -> tuple[str, str, str, bool]:
    """Return Ready's status, reason and message, and whether only a person can help."""
    if foreign:
        remedy = "rename or delete it, or give the ModelRegistry another name"
        return (
            "False",
            RegistryReason.NAME_CONFLICT,
            f"{foreign} exists and is not ours: {remedy}",
            True,
        )
    # What calls Azure has a condition of its own.
    for (kind, name), message in sorted(seen.refusals.items()):
        if kind == "Job":
            continue
        return "False", RegistryReason.CHILD_REFUSED, f"{kind} {name} was refused: {message}", True
    missing = _missing_class(seen)
    if missing:
        text = f"the claim cannot be made: {missing}; create that StorageClass"
        return "False", RegistryReason.STORAGE_CLASS_NOT_FOUND, text, True
    name = objects.service_name(registry["metadata"]["name"])
    live = seen.get("Deployment", name)
    if live is not None and (live.get("status", {}).get("availableReplicas") or 0) > 0:
        return "True", RegistryReason.SERVING, "models can be written and read", False
    if store is not None and (store["status"] == "False" or live is None):
        return "False", store["reason"], store["message"], False
    if live is not None and is_true(registry.get("status", {}).get("conditions"), "Ready"):
        return "False", RegistryReason.UNAVAILABLE, f"Deployment {name} has no available Pod", False
    return "False", RegistryReason.STARTING, f"waiting for Deployment {name}", False


def _missing_class(seen: Seen) -> str:
    """Return what the claim's events say of a StorageClass that is not there, or nothing."""
    for question, answer in seen.answers.items():
        if isinstance(question, EventsOf) and question.kind == "PersistentVolumeClaim":
            for _, message in answer:
                if "storageclass" in message and "not found" in message:
                    return str(message)
    return ""


def _status(
    registry: Manifest,
    seen: Seen,
    verdict: tuple[str, str, str, bool],
    elsewhere: tuple[Mapping[str, Any] | None, Reached, Deletion],
    now: datetime,
) -> dict[str, Any]:
    """Return the whole status; `loginSecret` and `lastVersions` are what the cluster forgets."""
    meta, old = registry["metadata"], registry.get("status", {})
    ready, reason, message, stalled = verdict
    conditions = [condition("Ready", ready == "True", reason, message)]
    if ready != "True" and not stalled:
        conditions.append(condition("Reconciling", True, reason, message))
    if stalled:
        conditions.append(condition("Stalled", True, reason, message))
    store, reached, deletion = elsewhere
    if store is not None:
        conditions.append(dict(store))
    conditions += [dict(one) for part in (reached, deletion) for one in part.conditions]
    status: dict[str, Any] = {
        "observedGeneration": meta["generation"],
        "url": objects.reader_url(meta["name"]),
        "lastVersions": high_water(registry, seen.all("ModelVersion")),
        "conditions": merge(
            old.get("conditions", ()), conditions, generation=meta["generation"], now=now
        ),
    }
    if reached.state is not None:
        status["azureML"] = reached.state.to_wire()
    if deletion.state is not None:
        status["azureDeletion"] = deletion.state.to_wire()
    name = objects.login_secret_name(meta["name"])
    if old.get("loginSecret") == name or seen.get("Secret", name) is not None:
        status["loginSecret"] = name
    return status


def _conditions_shrank(status: Manifest, registry: Manifest) -> bool:
    return len(status["conditions"]) != len(registry.get("status", {}).get("conditions", ()))
