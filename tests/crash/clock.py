"""The time of one play: faster than ours, and no faster than this process gets its turns."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta

# Seconds of a plan that pass in one of ours.
PACE = 10.0
# Seconds between two turns of a process on a machine that does not starve it.
_TURN = 0.1


class Clock:
    """The time that decisions see: it runs `pace` times as fast."""

    def __init__(self, pace: float = PACE) -> None:
        self.pace = pace
        self.skipped = timedelta()
        """Time that passed in no time."""
        self._until = datetime.now(UTC)
        self._since = time.monotonic()
        self._longest = math.inf
        """Seconds of ours that may pass at most before the next beat."""

    def __call__(self) -> datetime:
        """Return the time now."""
        passed = min(time.monotonic() - self._since, self._longest)
        return self._until + timedelta(seconds=passed * self.pace) + self.skipped

    def beat(self) -> None:
        """Tell that this process gets its turn: when it gets none, a limit of time must not end."""
        if self._longest:
            self._start(_TURN)

    def hold(self) -> None:
        """Stand still until `go`."""
        self._start(0.0)

    def go(self) -> None:
        """Go on from where it was held."""
        self._start(_TURN)

    def _start(self, longest: float) -> None:
        self._until = self() - self.skipped
        self._since = time.monotonic()
        self._longest = longest
