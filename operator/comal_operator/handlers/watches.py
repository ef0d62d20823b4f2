"""All that kopf does for us: it hears. One line a handler, always async, only `on.event`."""

from __future__ import annotations

from typing import Any

import kopf

from comal_operator.shell.hearing import Hear
from comal_operator.shell.resources import Resource


def watch(registry: kopf.OperatorRegistry, resource: Resource, hear: Hear) -> None:
    """Make kopf tell `hear` of every change of the objects of `resource`."""

    @kopf.on.event(
        resource.group, resource.version, resource.plural, registry=registry, id=resource.plural
    )
    async def on_event(event: kopf.RawEvent, **_: Any) -> None:
        hear(event)
