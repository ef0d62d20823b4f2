"""How long what a TrainingRun made outlives the run's end."""

from __future__ import annotations

from comal_operator.api.meta import ApiType, Duration


class KeptFor(ApiType):
    """How long what a run made is kept."""

    children: Duration | None = None
    """Jobs with their Pods and logs; for ever when left out, that is, as long as the run."""
    workspace: Duration | None = None
    """The claim that the run made, unless it is to be retained or steps of other runs may still be
    served from it; as long as the run when left out.
    """


class Ttl(KeptFor):
    """How long after the run's end what it made is kept; the run itself is never deleted."""

    failed: KeptFor | None = None
    """Other times for a run that failed or was cancelled; a time that is left out is the same."""
