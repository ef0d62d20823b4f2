"""When every router had said that the candidate has no share any more."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from demo.kubectl import Kubectl, wait_for
from traffic.endpoint import NAME

_SHOWN = 'jsonpath={.status.stable.revision}{"\\t"}{.status.traffic}{"\\n"}'


@dataclass(frozen=True)
class Zeros:
    """Seconds from the first failed answer: to the acknowledged zero, to the last failure."""

    acknowledged: float
    last: float
    failed: int


@dataclass
class Events:
    """Every change of the endpoint's traffic: when it came here, and who had a share then."""

    seen: list[tuple[float, bool]] = field(default_factory=list)
    """Moment, and whether anybody but the stable revision had an acknowledged share."""

    def read(self, process: subprocess.Popen[str]) -> None:
        """Note each event until the watch ends."""
        for line in process.stdout or ():
            stable, _, traffic = line.strip().partition("\t")
            shares = json.loads(traffic or "[]")
            others = any(
                one["revision"] != stable and one.get("acknowledgedPercent", "0") != "0"
                for one in shares
            )
            self.seen.append((time.time(), others))

    def zero_after(self, moment: float) -> float:
        """Return when the stable revision had all, for the first time after `moment`."""

        def look() -> float | None:
            return next((at for at, others in self.seen if at > moment and not others), None)

        return wait_for("an acknowledged zero", look, seconds=30)


@contextmanager
def watching(kubectl: Kubectl) -> Iterator[Events]:
    """Watch the endpoint for as long as the block takes."""
    events = Events()
    with kubectl.following("get", "mdep", NAME, "--watch", "-o", _SHOWN) as process:
        thread = threading.Thread(target=events.read, args=(process,), daemon=True)
        thread.start()
        yield events
    thread.join(timeout=10)
