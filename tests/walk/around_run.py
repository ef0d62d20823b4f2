"""Whether a run that does not go on has a reason that the walk knows of."""

from __future__ import annotations

from comal_operator.core.conditions import find, is_true
from comal_operator.core.reasons import RunReason
from crash.cluster import Body
from walk.moves import Scene
from walk.specs import is_doubtful
from walk.values import PRESETS


def has_ended(run: Body) -> bool:
    """Return whether the run is over."""
    conditions = (run.get("status") or {}).get("conditions")
    return is_true(conditions, "Complete") or is_true(conditions, "Failed")


def explained(scene: Scene, run: Body) -> bool:
    """Return whether the run has ended, or waits for what is not there."""
    if has_ended(run):
        return True
    spec, uid = run["spec"], run["metadata"]["uid"]
    ready = find((run.get("status") or {}).get("conditions"), "Ready") or {}
    reason = ready.get("reason")
    if spec.get("cancel"):
        return False
    if spec.get("suspend"):
        return reason == RunReason.SUSPENDED and is_true(run["status"]["conditions"], "Suspended")
    if _missing(scene, run, str(reason)):
        return True
    if reason in (RunReason.RUNNING, RunReason.RETRYING):
        return scene.around.runs_of(uid)
    if reason in (RunReason.SWEEPING, RunReason.WAITING_FOR_CACHE):
        # Of another run, which is judged itself.
        others = scene.mirror.all(scene.namespace, "TrainingRun")
        return any(one["metadata"]["uid"] != uid and not has_ended(one) for one in others)
    return False


def _missing(scene: Scene, run: Body, reason: str) -> bool:
    """Return whether what the reason names is really missing."""
    spec = run["spec"]
    workspace = spec.get("workspace") or {}
    match reason:
        case RunReason.CLAIM_NOT_FOUND:
            name = workspace.get("existingClaim", "")
            return scene.mirror.get("PersistentVolumeClaim", scene.namespace, name) is None
        case RunReason.STORAGE_CLASS_NOT_FOUND:
            return workspace.get("storageClassName") not in scene.around.classes
        case RunReason.REGISTRY_NOT_FOUND:
            name = (spec.get("register") or {}).get("registry", "")
            return scene.mirror.get("ModelRegistry", scene.namespace, name) is None
        case RunReason.KUEUE_MISSING:
            return "queue" in spec
        case RunReason.PRESET_UNKNOWN:
            names = [(one.get("placement") or {}).get("preset") for one in spec["steps"]]
            return any(name is not None and name not in PRESETS for name in names)
        case RunReason.CHILD_REFUSED:
            return is_doubtful(spec)
    return False
