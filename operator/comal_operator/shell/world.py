"""What a decision sees: from the cache or live, and whom a change wakes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from comal_operator.core.names import FIELD_MANAGER, MANAGED_BY
from comal_operator.core.plan import (
    Manifest,
    Named,
    Question,
    Ref,
    Relevant,
    RouterVersions,
    Seen,
)
from comal_operator.shell.cache import Cache, ObjectKey
from comal_operator.shell.facts import on_node, owned_by, sharing_a_model
from comal_operator.shell.gateway import Gateway
from comal_operator.shell.kinds import Kinds
from comal_operator.shell.nodes import NODE, nodes_under

OUR_CHILDREN = f"{MANAGED_BY}={FIELD_MANAGER}"


@dataclass(frozen=True)
class View:
    """One object and all that a decision about it may look at."""

    obj: Manifest
    seen: Seen

    def with_object(self, body: Manifest) -> View:
        """Return the view after `body` was read or written."""
        key = ObjectKey.of(body)
        seen = replace(self.seen, objects={**self.seen.objects, (key.kind, key.name): body})
        return View(body if key == ObjectKey.of(self.obj) else self.obj, seen)

    def without(self, ref: Ref) -> View:
        """Return the view after that object was found to be gone."""
        left = {k: v for k, v in self.seen.objects.items() if k != (ref.kind, ref.name)}
        answers: dict[Question, Any] = dict(self.seen.answers)
        answers |= {Named(ref.kind, ref.name): None}
        return View(self.obj, replace(self.seen, objects=left, answers=answers))

    def with_answers(self, answers: dict[Question, Any]) -> View:
        """Return the view after questions were answered."""
        return View(self.obj, replace(self.seen, answers={**self.seen.answers, **answers}))

    def asked_anew(self) -> View:
        """Return the view without what routers said: they go on counting while we write."""
        kept: dict[Question, Any] = {
            question: answer
            for question, answer in self.seen.answers.items()
            if not isinstance(question, RouterVersions)
        }
        return View(self.obj, replace(self.seen, answers=kept))

    def with_refusal(self, ref: Ref, sentence: str) -> View:
        """Return the view after the API server refused a write for good."""
        refusals = {**self.seen.refusals, (ref.kind, ref.name): sentence}
        return View(self.obj, replace(self.seen, refusals=refusals))


class World:
    """Fills `Seen` for any object of our kinds."""

    def __init__(
        self, cache: Cache, gateway: Gateway, kinds: Kinds, *, watch_nodes: bool = False
    ) -> None:
        self._cache = cache
        self._watch_nodes = watch_nodes
        self._gateway = gateway
        self._kinds = kinds
        # No watch covers what is read by name; the audit makes us read it again.
        self._named: dict[ObjectKey, Manifest] = {}

    def exists(self, key: ObjectKey) -> bool:
        """Return whether the cache has the object and nobody is deleting it."""
        obj = self._cache.get(key)
        return obj is not None and "deletionTimestamp" not in obj["metadata"]

    def cached(self, key: ObjectKey) -> View | None:
        """Return what the cache shows; None if only a live look can tell."""
        obj = self._cache.get(key)
        if obj is None:
            return None
        relevant = self._kinds[key.kind].relevant
        named = _named_keys(obj, relevant)
        unwatched = {one: self._named[one] for one in named if one in self._named}
        if any(one not in unwatched and self._cache.version(one) is None for one in named):
            return None
        keys = [*self._labelled(key, relevant), *named]
        for kind in (*relevant.whole_namespace, *relevant.looked_up(obj)):
            keys += self._cache.all(kind, key.namespace)
        if relevant.nodes:
            keys += self._nodes(self._bodies(one for one in keys if one.kind == "Pod"), relevant)
        there = self._cache.several(keys)
        older = {(k.kind, k.name): v for k, v in unwatched.items() if (k.kind, k.name) not in there}
        return View(obj, Seen(objects={**older, **there} if older else there))

    async def live(self, key: ObjectKey) -> View | None:
        """Return what the API server shows now; None if the object is gone or going."""
        relevant = self._kinds[key.kind].relevant
        mine = f"{OUR_CHILDREN},{relevant.label}={key.name}"
        kinds = [kind for kind in relevant.by_label if kind != "Pod"]
        lists = [self._gateway.list(kind, key.namespace, labels=mine) for kind in kinds]
        lists += [self._gateway.list(kind, key.namespace) for kind in relevant.whole_namespace]
        listed = [body for some in await asyncio.gather(*lists) for body in some.items]
        if "Pod" in relevant.by_label:
            # After the Jobs: a Job that is complete must not look as if its Pod were gone.
            listed += (await self._gateway.list("Pod", key.namespace, labels=mine)).items
        # After the Pods: a node is there before a Pod is put on it.
        under = [self._gateway.get(*node) for node in self._nodes(listed, relevant)]
        listed += [node for node in await asyncio.gather(*under) if node is not None]
        # The owner last: a child that is missing because it was done with is one that the status
        # remembers. The other way round, what was done would be done again.
        obj = await self._gateway.get(*key)
        if obj is None:
            self._cache.drop(key)
            return None
        self._cache.put(obj)
        if "deletionTimestamp" in obj["metadata"]:
            return None
        gets = [self._gateway.get(*named) for named in _named_keys(obj, relevant)]
        named = [body for body in await asyncio.gather(*gets) if body is not None]
        for kind in relevant.looked_up(obj):
            listed += (await self._gateway.list(kind, key.namespace)).items
        for body in listed:
            self._cache.put(body)
        self._named.update({ObjectKey.of(body): body for body in named})
        return View(obj, Seen(objects=_by_name([*listed, *named])))

    def shows(self, obj: Manifest, body: Manifest) -> bool:
        """Return whether a live look at `obj` would show `body`."""
        relevant = self._kinds[obj["kind"]].relevant
        if body["kind"] in (*relevant.whole_namespace, *relevant.looked_up(obj)):
            return True
        tags = body["metadata"].get("labels") or {}
        ours = tags.get(MANAGED_BY) == FIELD_MANAGER
        mine = tags.get(relevant.label) == obj["metadata"]["name"]
        return body["kind"] in relevant.by_label and ours and mine

    def remember(self, body: Manifest) -> None:
        """Keep the API's answer to a write, so that the next look is not behind our own deed."""
        if body["kind"] in self._kinds or (body["metadata"].get("labels") or {}).get(MANAGED_BY):
            self._cache.put(body)

    def forget(self, ref: Ref) -> None:
        """Drop what we deleted ourselves."""
        self._cache.drop(ObjectKey(ref.kind, ref.namespace, ref.name))

    def forget_named(self) -> None:
        """Make the next look read again what no watch covers."""
        self._named.clear()

    def woken_by(self, body: Manifest) -> Iterator[ObjectKey]:
        """Yield whom a change of `body` concerns."""
        key = ObjectKey.of(body)
        if key.kind in self._kinds:
            yield key
        if key.kind == NODE:
            for pod in self._bodies(self._cache.found_by(on_node(key.name))):
                yield from self.woken_by(pod)
        tags = body["metadata"].get("labels") or {}
        for name, kind in self._kinds.items():
            for named in _named_by(tags, key.kind, kind.relevant):
                yield ObjectKey(name, key.namespace, named)
            if key.kind in kind.relevant.whole_namespace:
                yield from self._about_the_same(body, name)

    def _about_the_same(self, body: Manifest, kind: str) -> Iterator[ObjectKey]:
        """Yield the objects of a kind but those that are about models, and not about `body`'s."""
        facts = sharing_a_model(body)
        if facts is None:
            yield from self._cache.all(kind, body["metadata"]["namespace"])
            return
        for fact in facts:
            yield from (key for key in self._cache.found_by(fact) if key.kind == kind)

    def _bodies(self, keys: Iterable[ObjectKey]) -> Iterator[Manifest]:
        return (body for key in keys if (body := self._cache.get(key)) is not None)

    def _labelled(self, key: ObjectKey, relevant: Relevant) -> list[ObjectKey]:
        theirs = self._cache.found_by(owned_by(relevant.label, key.namespace, key.name))
        # In an order that does not change from one process to the next.
        return sorted(one for one in theirs if one.kind in relevant.by_label)

    def _nodes(self, bodies: Iterable[Manifest], relevant: Relevant) -> list[ObjectKey]:
        wanted = relevant.nodes and self._watch_nodes
        names = nodes_under(bodies) if wanted else set()
        return [ObjectKey(NODE, "", name) for name in sorted(names)]


def _named_by(tags: Mapping[str, str], kind: str, relevant: Relevant) -> Iterator[str]:
    """Yield the names of those that an object with these labels belongs to."""
    labels = [relevant.label] if kind in relevant.by_label else []
    yield from (tags[label] for label in (*labels, relevant.wakes_by) if label in tags)


def _named_keys(obj: Manifest, relevant: Relevant) -> list[ObjectKey]:
    namespace = obj["metadata"]["namespace"]
    return [ObjectKey(kind, namespace, name) for kind, name in relevant.by_name(obj)]


def _by_name(bodies: Iterable[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {(body["kind"], body["metadata"]["name"]): body for body in bodies}
