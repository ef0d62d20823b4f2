"""Makes and removes the ways in from outside, and leaves those of others alone."""

from __future__ import annotations

from dataclasses import dataclass

from comal_operator.api.attach import Attach
from comal_operator.core.children import differs, is_ours
from comal_operator.core.names import child_name
from comal_operator.core.plan import Action, Apply, Delete, Manifest, Ref, Seen, Unwatched
from comal_operator.core.serving.attached import ATTACHED_ANNOTATION, attached_text, ways_in
from comal_operator.core.serving.labels import ROUTER

_KINDS = ("HTTPRoute", "Ingress")


@dataclass(frozen=True)
class WaysIn:
    """What is wanted, what was written down as done, and what there is if it was asked for."""

    mdep: Manifest
    attach: Attach
    seen: Seen

    @property
    def text(self) -> str:
        """What the routers' Deployment has to remember: the new ways once they are there."""
        return attached_text(self.mdep, self.attach) if self._is_done() else self._before

    def questions(self) -> tuple[Unwatched, ...]:
        """Return what has to be looked at; nothing as long as what was done is what is wanted."""
        if self._is_remembered():
            return ()
        asked = [Unwatched(kind, self._name) for kind in self._concerned()]
        return tuple(one for one in asked if one not in self.seen.answers)

    def actions(self) -> tuple[Action, ...]:
        """Return what brings the cluster to what is wanted, once it was looked at."""
        if self._is_remembered() or self.questions():
            return ()
        changed = tuple(one for one in self._wanted.values() if self._needs(one))
        gone = tuple(
            Delete(Ref.of(there), there["metadata"]["uid"])
            for kind in self._concerned()
            if kind not in self._wanted
            and (there := self._there(kind)) is not None
            and is_ours(there, self.mdep)
        )
        return (*((Apply(changed),) if changed else ()), *gone)

    def strangers(self) -> list[str]:
        """Return whose names are needed and somebody else has."""
        there = {kind: self._there(kind) for kind in self._wanted}
        return [
            f"{kind} {self._name}"
            for kind, one in there.items()
            if one is not None and not is_ours(one, self.mdep)
        ]

    @property
    def _name(self) -> str:
        return str(self.mdep["metadata"]["name"])

    @property
    def _wanted(self) -> dict[str, Manifest]:
        return {one["kind"]: one for one in ways_in(self.mdep, self.attach)}

    @property
    def _before(self) -> str:
        router = self.seen.get("Deployment", child_name(self._name, ROUTER)) or {}
        annotations = router.get("metadata", {}).get("annotations") or {}
        return str(annotations.get(ATTACHED_ANNOTATION) or "")

    def _is_remembered(self) -> bool:
        return self._before == attached_text(self.mdep, self.attach)

    def _concerned(self) -> list[str]:
        former = self._before.partition(" #")[0].split(",")
        return [kind for kind in _KINDS if kind in self._wanted or kind in former]

    def _there(self, kind: str) -> Manifest | None:
        found: Manifest | None = self.seen.get(kind, self._name)
        return found or self.seen.answers.get(Unwatched(kind, self._name))

    def _needs(self, manifest: Manifest) -> bool:
        if (manifest["kind"], self._name) in self.seen.refusals:
            return False
        there = self._there(manifest["kind"])
        return there is None or (is_ours(there, self.mdep) and differs(manifest, there))

    def _is_done(self) -> bool:
        if self._is_remembered():
            return True
        if self.questions():
            return False
        wanted = self._wanted
        there = {kind: self._there(kind) for kind in self._concerned()}
        return all(
            (one is not None and is_ours(one, self.mdep) and not differs(wanted[kind], one))
            if kind in wanted
            else (one is None or not is_ours(one, self.mdep))
            for kind, one in there.items()
        )
