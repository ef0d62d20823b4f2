"""kopf without a memory: a kilobyte an object, for handlers of a kind that we do not have."""

from __future__ import annotations

from kopf._cogs.structs.bodies import RawBody
from kopf._cogs.structs.ephemera import AnyMemo

# Not exported, though `kopf.operator` takes one.
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory


class Forgetful(ResourceMemories):
    """Gives out a new memory each time: daemons, timers and indices would keep things there."""

    async def recall(
        self,
        raw_body: RawBody,
        *,
        memobase: AnyMemo | None = None,
        noticed_by_listing: bool = False,
        ephemeral: bool = False,  # noqa: ARG002 - always so
    ) -> ResourceMemory:
        """Return a new memory that nobody keeps."""
        return await super().recall(
            raw_body, memobase=memobase, noticed_by_listing=noticed_by_listing, ephemeral=True
        )
