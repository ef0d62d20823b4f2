"""The image of steps that name none: the operator's own as it was at the run's start.

An operator that is upgraded midway brings another one; two steps of a run, two attempts at one and
two trials of a sweep are comparable all the same. The operator's own Jobs (collect, register) are
not meant: what they are told and what they answer changes with the operator.

The run's immutable ConfigMap holds it, which is there before the first Job is; so the status, which
tells it to people and outlives the ConfigMap, needs no write of its own. A sweep has no Jobs: its
trials read its status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.core.children import is_ours
from comal_operator.core.plan import Manifest, Seen, Settings
from comal_operator.core.training.look import Look, State
from comal_operator.core.training.objects import PARAMETERS, run_child_name
from comal_operator.core.training.sweep_trial import sweep_name

FILE = "trainer-image"


def default_image(run: Manifest, seen: Seen, settings: Settings) -> str:
    """Return the image of the run's steps that name none."""
    pinned: str | None = _pinned(run) or _held(run, seen)
    return pinned or _pinned(sweep_of(run, seen) or {}) or settings.trainer_image


def sweep_of(run: Manifest, seen: Seen) -> Manifest | None:
    """Return the sweep that made this run, if that very one is there."""
    found = seen.get("TrainingRun", sweep_name(run) or "")
    owners = run["metadata"].get("ownerReferences") or ()
    uid = found["metadata"].get("uid") if found else None
    return found if uid and any(owner.get("uid") == uid for owner in owners) else None


def remembered(look: Look, state: State) -> str | None:
    """Return status.trainerImage: none before the start, or where every step names its image."""
    known = _pinned(look.run)
    if known or not _is_used(look.spec) or state.kind == "Suspended":
        return known
    return default_image(look.run, look.seen, look.settings)


def files(look: Look) -> dict[str, str]:
    """Return what the run's ConfigMap holds of it: nothing where every step names its image."""
    image = default_image(look.run, look.seen, look.settings)
    return {FILE: image} if _is_used(look.spec) else {}


def is_unwritten(look: Look) -> bool:
    """Return whether the status must be written before what comes next, which may use it.

    Not where the ConfigMap is still to be made: it comes before every Job.
    """
    if not _is_used(look.spec) or _pinned(look.run) or _held(look.run, look.seen):
        return False
    return look.spec.sweep is not None or _parameters(look.run, look.seen) is not None


def _is_used(spec: TrainingRunSpec) -> bool:
    return spec.image is None and any(step.image is None for step in spec.steps)


def _pinned(run: Mapping[str, Any]) -> str | None:
    return (run.get("status") or {}).get("trainerImage")


def _held(run: Manifest, seen: Seen) -> str | None:
    image: str | None = ((_parameters(run, seen) or {}).get("data") or {}).get(FILE)
    return image


def _parameters(run: Manifest, seen: Seen) -> Manifest | None:
    found = seen.get("ConfigMap", run_child_name(run, PARAMETERS))
    return found if found is not None and is_ours(found, run) else None
