"""What a short load on the scoring container told. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from comal_trainer.contract import JobError, _count, _error, _Message, _text

PROFILE_COMMAND: Final = "profile"
# Why there are no numbers: the container did not come up, or went away under the load.
SCORER_NOT_READY: Final = "ScorerNotReady"
REQUEST_REFUSED: Final = "RequestRefused"


@dataclass(frozen=True, slots=True)
class Profiled(_Message):
    """The answer of `profile`: milliseconds as decimal strings, bytes at the peak.

    `restarts` counts how often the container went away, most often for memory.
    """

    requests: int = 0
    errors: int = 0
    restarts: int = 0
    p50: str = ""
    p95: str = ""
    p99: str = ""
    rate: str = ""  # requests a second
    peak: int = 0
    error: JobError | None = None

    @classmethod
    def _read(cls, value: Any) -> Self:
        return cls(
            requests=_count(value.get("requests", 0)),
            errors=_count(value.get("errors", 0)),
            restarts=_count(value.get("restarts", 0)),
            p50=_text(value.get("p50", "")),
            p95=_text(value.get("p95", "")),
            p99=_text(value.get("p99", "")),
            rate=_text(value.get("rate", "")),
            peak=_count(value.get("peak", 0)),
            error=_error(value["error"]),
        )


def profile_arguments(
    request: Mapping[str, Any], *, url: str, seconds: int, concurrency: int
) -> tuple[str, ...]:
    """Return the container arguments of the job that loads the scoring container at `url`."""
    body = json.dumps(request, separators=(",", ":"), ensure_ascii=False)
    return (
        PROFILE_COMMAND,
        f"--url={url}",
        f"--seconds={seconds}",
        f"--concurrency={concurrency}",
        # `$(X)` in an argument would be expanded by the kubelet; a request means the text.
        f"--body={body}".replace("$(", "$$("),
    )
