"""What `kubectl describe` and `kubectl events` tell of a run: failed attempts, and its end.

As with webhooks, an Event is made before the status that tells the same is written, under a name
that what happened alone gives: so it is made once, whoever dies in between. Nothing is read from
it, and one that is refused holds up nothing; the API server forgets it after an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from comal_operator.core.conditions import timestamp
from comal_operator.core.plan import Create, Manifest
from comal_operator.core.training.look import Look, State
from comal_operator.core.training.objects import run_child_name

_MESSAGE_LIMIT = 1024
_COMPONENT = "comal-operator"


@dataclass(frozen=True)
class _Happened:
    mark: str
    """What tells it from all others of this run."""
    reason: str
    message: str
    is_bad: bool = True


def events(look: Look, state: State) -> tuple[Create, ...]:
    """Return the Events of what writing a status of `state` latches."""
    manifests = (_event(look, one) for one in _happened(look, state))
    return tuple(Create(one) for one in manifests if not _is_settled(look, one))


def _happened(look: Look, state: State) -> Iterator[_Happened]:
    known = {step.name: (step.failures or 0, step.interruptions or 0) for step in look.status.steps}
    for step in look.steps:
        failures, interruptions = step.failures or 0, step.interruptions or 0
        before = known.get(step.name, (0, 0))
        if failures > before[0] or interruptions > before[1]:
            mark = f"{step.name}-{failures}-{interruptions}"
            yield _Happened(mark, step.reason or "StepFailed", f"step {step.name} {step.message}")
    if not look.status.images:
        why = [one for one in state.facts.memory.get("images", ()) if "message" in one]
        if why:
            text = f"{why[0]['name']} runs as the first node finds it: {why[0]['message']}"
            yield _Happened("images", "ImagesUnresolved", text, is_bad=False)
    if state.is_final:
        yield _Happened("end", str(state.reason), state.message, state.kind == "Failed")


def _event(look: Look, happened: _Happened) -> Manifest:
    meta, now = look.run["metadata"], timestamp(look.now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": run_child_name(look.run, f"event-{happened.mark}"),
            "namespace": meta["namespace"],
        },
        "involvedObject": {
            "apiVersion": look.run["apiVersion"],
            "kind": look.run["kind"],
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
        "type": "Warning" if happened.is_bad else "Normal",
        "reason": happened.reason,
        "message": happened.message[:_MESSAGE_LIMIT],
        "source": {"component": _COMPONENT},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


def _is_settled(look: Look, event: Manifest) -> bool:
    key = ("Event", event["metadata"]["name"])
    return key in look.seen.objects or key in look.seen.refusals
