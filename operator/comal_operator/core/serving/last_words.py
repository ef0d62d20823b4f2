"""What the Pod of a Job of one container says when all went well: its termination message."""

from __future__ import annotations

from comal_operator.core.plan import Manifest


def last_words(pod: Manifest) -> str | None:
    """Return what its container said as it ended with 0; None if it has not."""
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated")
        if ended and not ended.get("exitCode"):
            return str(ended.get("message") or "")
    return None
