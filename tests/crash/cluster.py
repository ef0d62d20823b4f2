"""A plain client of the API server for all but the operator, and a mirror of what is there."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import aiohttp

from apiserver.server import ApiServer
from comal_operator.shell.permissions import CALLS
from comal_operator.shell.resources import RESOURCES

Body = dict[str, Any]
Listener = Callable[[Mapping[str, Any]], None]

_CALLED = {(calls.group, calls.resource) for calls in CALLS}
# All that the operator may make or watch; Secrets only the stand-ins and the judge read.
MIRRORED = tuple(
    kind
    for kind, resource in RESOURCES.items()
    if (resource.group, resource.plural) in _CALLED and kind != "Event"
)

# How the API server answers while it still fills its own cache of a kind.
_TOO_EARLY = 429
_AGAIN = 0.1


class Cluster:
    """Reads and writes as an administrator."""

    def __init__(self, server: ApiServer) -> None:
        self._url = server.url
        context = ssl.create_default_context(cafile=str(server.authority))
        context.check_hostname = False
        self._session = aiohttp.ClientSession(
            headers={"Authorization": "Bearer admin"},
            connector=aiohttp.TCPConnector(ssl=context, limit=64),
        )
        self.operators = aiohttp.TCPConnector(ssl=context, limit=0)
        """What all operators are connected by: a handshake costs more than a call."""

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
        await self.operators.close()

    async def create(self, body: Body) -> Body | None:
        """Create, and return what was stored; None if the name is taken."""
        meta = body["metadata"]
        path = RESOURCES[body["kind"]].path(meta["namespace"])
        return await self._send("POST", path, body, accepted=(409,))

    async def create_namespace(self, name: str) -> None:
        """Create a namespace."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await self._send("POST", "/api/v1/namespaces", body)

    async def get(self, kind: str, namespace: str, name: str) -> Body | None:
        """Return the object; None if there is none."""
        return await self._send("GET", RESOURCES[kind].path(namespace, name), accepted=(404,))

    async def merge(self, body: Mapping[str, Any], change: Body, subresource: str = "") -> None:
        """Merge-patch exactly this object, if it is still there."""
        meta = body["metadata"]
        # What is meant for the old one must not reach another of the same name.
        change = {**change, "metadata": {**change.get("metadata", {}), "uid": meta["uid"]}}
        path = RESOURCES[body["kind"]].path(meta["namespace"], meta["name"], subresource)
        await self._send("PATCH", path, change, "application/merge-patch+json", accepted=(404, 409))

    async def delete(self, body: Mapping[str, Any]) -> None:
        """Delete exactly this object at once, if it is still there."""
        meta = body["metadata"]
        options = {
            "gracePeriodSeconds": 0,
            "propagationPolicy": "Background",
            "preconditions": {"uid": meta["uid"]},
        }
        path = RESOURCES[body["kind"]].path(meta["namespace"], meta["name"])
        await self._send("DELETE", path, options, accepted=(404, 409))

    async def clear(self, namespace: str, kinds: set[str]) -> None:
        """Delete all objects of these kinds in the namespace."""
        # Owners first, and nobody left to make anything anew.
        options = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        for kind in sorted(kinds):
            await self._send("DELETE", RESOURCES[kind].path(namespace), options)

    async def list(self, kind: str, namespace: str | None = None) -> tuple[list[Body], str]:
        """Return the objects and the version of the list."""
        answer = await self._send("GET", RESOURCES[kind].path(namespace))
        assert answer is not None
        shape = {"apiVersion": RESOURCES[kind].api_version, "kind": kind}
        return [{**shape, **one} for one in answer["items"]], answer["metadata"]["resourceVersion"]

    async def serves(self, kind: str) -> bool:
        """Return whether the API server knows the kind: Kueue's and others' are not installed."""
        group, _, _ = RESOURCES[kind].path(None).rpartition("/")
        async with self._session.get(self._url + group) as answer:
            if answer.status >= 400:
                return False
            resources = (await answer.json())["resources"]
        return any(one["kind"] == kind for one in resources)

    async def watch(self, kind: str, version: str) -> AsyncIterator[Body]:
        """Yield events until the server ends the stream, which it may do before the first."""
        query = {"watch": "true", "resourceVersion": version}
        url = self._url + RESOURCES[kind].path(None)
        forever = aiohttp.ClientTimeout(total=None)
        async with self._session.get(url, params=query, timeout=forever) as answer:
            if answer.status == _TOO_EARLY:
                return
            if answer.status >= 400:
                raise AssertionError(f"watch of {kind}: {await answer.text()}")
            async for line in answer.content:
                yield json.loads(line)

    async def ask(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        content: str = "application/json",
    ) -> tuple[int, Body]:
        """Send, and return status and answer, whatever they are."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content}
        async with self._session.request(
            method, self._url + path, data=data, headers=headers
        ) as answer:
            return answer.status, await answer.json()

    async def _send(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        content: str = "application/json",
        accepted: tuple[int, ...] = (),
    ) -> Body | None:
        status, said = await self.ask(method, path, body, content)
        if status in accepted:
            return None
        if status >= 400:
            raise AssertionError(f"{method} {path}: {said.get('message')}")
        return said


class Mirror:
    """Everything in the cluster by watch, shared by all runs; listeners hear their namespace."""

    def __init__(self, cluster: Cluster, kinds: tuple[str, ...] = MIRRORED) -> None:
        self._cluster = cluster
        self._kinds = kinds
        self._objects: dict[str, dict[tuple[str, str], Body]] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def operators(self) -> aiohttp.TCPConnector:
        """What all operators are connected by."""
        return self._cluster.operators

    async def start(self) -> None:
        """List everything, and follow it from there."""
        served = [await self._cluster.serves(kind) for kind in self._kinds]
        self._kinds = tuple(
            kind for kind, is_there in zip(self._kinds, served, strict=True) if is_there
        )
        for kind in self._kinds:
            bodies, version = await self._cluster.list(kind)
            for body in bodies:
                self._tell({"type": "ADDED", "object": body})
            self._tasks.append(asyncio.create_task(self._follow(kind, version)))

    async def stop(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self) -> None:
        """Raise what ended a watch, if one ended: nothing can be judged then."""
        for task in self._tasks:
            if task.done():
                task.result()
                raise AssertionError("a watch of the harness ended")

    def listen(self, namespace: str, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of every event in the namespace; return what ends it."""
        self._listeners.setdefault(namespace, []).append(listener)
        return lambda: self._listeners[namespace].remove(listener)

    def get(self, kind: str, namespace: str, name: str) -> Body | None:
        """Return the object, or None."""
        return self._objects.get(namespace, {}).get((kind, name))

    def all(self, namespace: str, kind: str | None = None) -> Iterator[Body]:
        """Yield the objects of a namespace, of one kind or of all."""
        for (one, _), body in sorted(self._objects.get(namespace, {}).items()):
            if kind in (None, one):
                yield body

    async def is_current(self, namespace: str) -> bool:
        """Return whether the watches have told all that the API server holds of the namespace."""
        lists = await asyncio.gather(*(self._cluster.list(one, namespace) for one in self._kinds))
        stored = {_version(body) for bodies, _ in lists for body in bodies}
        return stored == {_version(body) for body in self.all(namespace)}

    def forget(self, namespace: str) -> None:
        """Drop a namespace that no run uses any more."""
        self._objects.pop(namespace, None)
        self._listeners.pop(namespace, None)

    async def _follow(self, kind: str, version: str) -> None:
        while True:
            async for event in self._cluster.watch(kind, version):
                version = event["object"]["metadata"]["resourceVersion"]
                self._tell(event)
            await asyncio.sleep(_AGAIN)

    def _tell(self, event: Body) -> None:
        body = event["object"]
        meta = body["metadata"]
        namespace, key = meta["namespace"], (body["kind"], meta["name"])
        objects = self._objects.setdefault(namespace, {})
        if event["type"] == "DELETED":
            objects.pop(key, None)
        else:
            objects[key] = body
        for listener in list(self._listeners.get(namespace, ())):
            listener(event)


def _version(body: Mapping[str, Any]) -> tuple[str, str, str]:
    return body["kind"], body["metadata"]["name"], body["metadata"]["resourceVersion"]
