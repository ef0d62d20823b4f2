"""kopf as a listener: every setting here answers a pitfall that was seen or measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import kopf

from comal_operator.shell.resources import Resource
from comal_operator.shell.world import OUR_CHILDREN


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers nothing: kopf would copy and compare each object on each event otherwise."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:  # noqa: ARG002
        """Return an empty essence."""
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002
        """Return nothing."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Write nothing."""


def listener_settings(children: Iterable[Resource]) -> kopf.OperatorSettings:
    """Return settings with which kopf only watches; `children` by our label only."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # plain Roles suffice
    settings.posting.enabled = False
    settings.watching.initial_streaming = False  # a stream cut in its first part loses objects
    settings.watching.chunk_size = 100  # as many as are parsed at once
    settings.watching.inactivity_timeout = 70
    settings.watching.server_timeout = 290
    settings.watching.client_timeout = 300
    settings.watching.connect_timeout = 5
    settings.networking.connect_timeout = 5
    settings.networking.request_timeout = 30
    # About six minutes; by default a minute of trouble ends the process.
    settings.networking.error_backoffs = [0.5, 1, 2, 4, 8] + [10] * 36
    settings.networking.enforce_retry_after = True
    settings.queueing.worker_limit = None  # a limit starves or deadlocks
    # A worker keeps the last event that it was told of, whole, for as long as it waits for another.
    settings.queueing.idle_timeout = 0.1
    settings.process.ultimate_exiting_timeout = 30
    settings.persistence.finalizer = "comal.dev/guard"  # never used: a net for mistakes
    settings.persistence.diffbase_storage = NoDiffBase()
    for child in children:
        # On the server: otherwise every Pod of the cluster would be sent to us.
        settings.watching.label_selectors[child.group, child.version, child.plural] = OUR_CHILDREN
    return settings
