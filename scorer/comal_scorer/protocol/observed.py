"""The RSGI application of a port at which nobody can score: whoever monitors is let in there."""

from __future__ import annotations

from typing import Any

from comal_scorer import contract
from comal_scorer.measurements import EXPOSITION_TYPE, Measurements


class Observed:
    """Tells the measurements of all workers and nothing else; its requests are not counted."""

    def __init__(self, measurements: Measurements) -> None:
        """Tell these."""
        self._measurements = measurements

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        if scope.path != contract.METRICS_PATH:
            text = f"only {contract.METRICS_PATH} is answered at this port\n"
            protocol.response_str(404, [("content-type", "text/plain")], text)
        elif scope.method not in {"GET", "HEAD"}:
            headers = [("content-type", "text/plain"), ("allow", "GET, HEAD")]
            protocol.response_str(405, headers, "use GET or HEAD\n")
        else:
            told = self._measurements.exposition()
            protocol.response_bytes(200, [("content-type", EXPOSITION_TYPE)], told)
