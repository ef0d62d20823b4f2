"""How the kubelet asks a scoring Pod: a slow load is waited for, a hung server is not."""

from __future__ import annotations

from typing import Any

from comal_scorer import contract

# How long a start may take is decided by startupTimeout, which may be changed while a revision
# runs; the kubelet's own patience must only be longer than the longest, 24 hours.
_STARTUP_TRIES = 90_000


def probes() -> dict[str, Any]:
    """Return the three probes of the container that scores.

    Liveness begins once the server has answered for the first time, however long its model took;
    readiness means that the model has answered. Routers ask for it themselves, each second; the
    kubelet's opinion closes the last resort too, so it comes later than theirs.
    """
    return {
        "startupProbe": _probe(contract.LIVE_PATH, period=1, failures=_STARTUP_TRIES),
        "readinessProbe": _probe(contract.READY_PATH, period=2, failures=5),
        "livenessProbe": _probe(contract.LIVE_PATH, period=10, failures=6),
    }


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": contract.DEFAULT_PORT},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }
