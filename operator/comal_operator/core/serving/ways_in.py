"""Makes and removes the ways in from outside, and leaves those of others alone."""

from __future__ import annotations

from collections.abc import Iterable

from comal_operator.core.children import is_ours
from comal_operator.core.plan import Action, Delete, Manifest, Ref, Seen
from comal_operator.core.serving.attached import WAYS_IN


def superfluous_ways_in(mdep: Manifest, wanted: Iterable[Manifest], seen: Seen) -> list[Action]:
    """Return the removal of ours that are not wanted any more."""
    kept = {(one["kind"], one["metadata"]["name"]) for one in wanted}
    there = [one for kind in WAYS_IN for one in seen.all(kind)]
    return [
        Delete(Ref.of(one), one["metadata"]["uid"])
        for one in there
        if is_ours(one, mdep)
        and "deletionTimestamp" not in one["metadata"]
        and (one["kind"], one["metadata"]["name"]) not in kept
    ]
