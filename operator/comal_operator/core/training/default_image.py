"""The image of steps that name none: the operator's own as it was at the run's start.

An operator that is upgraded midway brings another one; two steps of a run, two attempts at one and
two trials of a sweep are comparable all the same. The operator's own Jobs (collect, register) are
not meant: what they are told and what they answer changes with the operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.core.plan import Manifest, Seen, Settings
from comal_operator.core.training.look import Look, State
from comal_operator.core.training.sweep_trial import sweep_name


def default_image(run: Manifest, seen: Seen, settings: Settings) -> str:
    """Return the image of the run's steps that name none."""
    pinned: str | None = _pinned(run) or _pinned(sweep_of(run, seen) or {})
    return pinned or settings.trainer_image


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


def is_unwritten(look: Look) -> bool:
    """Return whether it is still to be written down, which is done before it is used."""
    return _is_used(look.spec) and not _pinned(look.run)


def _is_used(spec: TrainingRunSpec) -> bool:
    return spec.image is None and any(step.image is None for step in spec.steps)


def _pinned(run: Mapping[str, Any]) -> str | None:
    return (run.get("status") or {}).get("trainerImage")
