"""What of the wanted children has to be written."""

from __future__ import annotations

from comal_operator.core.children import differs, is_ours
from comal_operator.core.plan import Manifest, Seen


def needs(manifest: Manifest, mdep: Manifest, seen: Seen) -> bool:
    """Return whether `manifest` is not there as it shall be, and may be written."""
    key = manifest["kind"], manifest["metadata"]["name"]
    there = seen.get(*key)
    if key in seen.refusals:
        return False
    if there is None:
        return True
    going = "deletionTimestamp" in there["metadata"]
    return is_ours(there, mdep) and not going and differs(manifest, there)
