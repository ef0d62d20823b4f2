"""The two kinds that people look after, and how one is named on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_comal.cluster import Cluster, Object
from kubectl_comal.errors import ApiError, ComalError, missing


@dataclass(frozen=True)
class Kind:
    """A kind and how people write it."""

    name: str
    plural: str
    spellings: tuple[str, ...]


DEPLOYMENT = Kind("ModelDeployment", "modeldeployments", ("mdep",))
RUN = Kind("TrainingRun", "trainingruns", ("trun",))
KINDS = (DEPLOYMENT, RUN)


@dataclass(frozen=True)
class Found:
    """One object, and its kind."""

    kind: Kind
    body: Object

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])

    @property
    def status(self) -> Mapping[str, Any]:
        """Its status; empty until the operator has looked."""
        status: Mapping[str, Any] = self.body.get("status") or {}
        return status

    def condition(self, kind: str) -> Mapping[str, Any]:
        """Return the condition of that type; an empty one if there is none."""
        conditions = self.status.get("conditions") or ()
        return next((one for one in conditions if one["type"] == kind), {})


def find(cluster: Cluster, named: str, kinds: tuple[Kind, ...] = KINDS) -> Found:
    """Return what `named`, a NAME or KIND/NAME, means among `kinds`.

    Raises ComalError: none of that name, with the nearest ones, or one of each kind.
    """
    kinds, name = _parsed(named, kinds)
    found = [one for kind in kinds if (one := look(cluster, kind, name)) is not None]
    if len(found) == 1:
        return found[0]
    if found:
        both = " and ".join(f"{one.kind.spellings[0]}/{name}" for one in found)
        raise ComalError(f"{name} is two things, {both}: say which")
    there = [one.name for kind in kinds for one in list_of(cluster, kind)]
    raise missing(" or ".join(kind.name for kind in kinds), name, cluster.namespace, there)


def look(cluster: Cluster, kind: Kind, name: str) -> Found | None:
    """Return the object as it is now; None if there is none of that name."""
    try:
        body = cluster.get(cluster.path(kind.plural, name), what=f"look at {kind.name} {name}")
    except ApiError as error:
        if error.status == 404 and "could not find the requested resource" not in str(error):
            return None
        if error.status == 404:
            raise ComalError("this cluster has no comal.dev kinds: is comal installed?") from error
        raise
    return Found(kind, body)


def list_of(cluster: Cluster, kind: Kind) -> list[Found]:
    """Return all of the kind in the namespace."""
    listed = cluster.items(cluster.path(kind.plural), what=f"list {kind.plural}")
    return [Found(kind, body) for body in listed]


def _parsed(named: str, kinds: tuple[Kind, ...]) -> tuple[tuple[Kind, ...], str]:
    word, slash, name = named.partition("/")
    if not slash:
        return kinds, named
    for kind in KINDS:
        if word.lower() in (*kind.spellings, kind.name.lower(), kind.plural):
            if kind in kinds:
                return (kind,), name
            wanted = " or ".join(one.name for one in kinds)
            raise ComalError(f"this is done with a {wanted}, and {named} is a {kind.name}")
    known = ", ".join(f"{kind.spellings[0]}/NAME" for kind in kinds)
    raise ComalError(f"{word} is no kind that is known here: write {known}")
