"""The only thing that talks to the API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Protocol

from comal_operator.core.names import FIELD_MANAGER
from comal_operator.core.plan import Delete, Manifest, Ref, WriteStatus
from comal_operator.shell.api import DEADLINE, Api, Call
from comal_operator.shell.bucket import Bucket
from comal_operator.shell.faults import ConflictError, MissingError, RefusedError
from comal_operator.shell.hooks import Hooks
from comal_operator.shell.resources import OPTIONAL, RESOURCES
from comal_operator.shell.slim import slim

# Parsed, a page of runs with five steps is 20 MB, and what it took is seldom given back.
_PAGE = 100
_TAIL_BYTES = 16 * 1024
_MANAGED = (("fieldManager", FIELD_MANAGER),)
_FORCED = (*_MANAGED, ("force", "true"))


class Listed(NamedTuple):
    """A list, and the version of everything that it shows."""

    items: list[Manifest]
    version: int


class Fence(Protocol):
    """Says whether this process may write now."""

    def remaining(self) -> float:
        """Return the seconds in which a write must be over; raise LeaseLostError past them."""


class Gateway:
    """Reads live, and writes: fenced by our Lease, numbered, with preconditions behind."""

    def __init__(self, api: Api, *, fence: Fence, hooks: Hooks, bucket: Bucket) -> None:
        self._api = api
        self._fence = fence
        self._hooks = hooks
        self._bucket = bucket
        self._writes = 0

    def is_calm(self) -> bool:
        """Return whether a write may go now that no other one should wait for."""
        return self._bucket.is_calm()

    async def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return the object as it is now, slim; None if there is none."""
        call = Call(verb="get", resource=RESOURCES[kind], namespace=namespace, name=name)
        try:
            return slim(await self._api.read(call))
        except MissingError:
            return None

    async def list(
        self, kind: str, namespace: str | None, *, labels: str = "", fields: str = ""
    ) -> Listed:
        """Return the objects as they are now (a quorum read), slim, all pages of them."""
        found: list[Manifest] = []
        version = 0
        async for page in self.pages(kind, namespace, labels=labels, fields=fields):
            found += page.items
            version = page.version
        return Listed(found, version)

    async def pages(
        self, kind: str, namespace: str | None, *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[Listed]:
        """Yield what `list` returns page by page: all of them may be more than fits."""
        resource = RESOURCES[kind]
        query = [("limit", str(_PAGE))]
        query += [("labelSelector", labels)] if labels else []
        query += [("fieldSelector", fields)] if fields else []
        token = ""
        while True:
            page = [*query, ("continue", token)] if token else query
            try:
                answer = await self._api.read(
                    Call(verb="list", resource=resource, namespace=namespace, query=page)
                )
            except MissingError:
                if kind not in OPTIONAL:
                    raise
                yield Listed([], 0)
                return
            # The API server leaves these two out of a list's items.
            shape = {"apiVersion": resource.api_version, "kind": kind}
            token = answer["metadata"].get("continue") or ""
            version = int(answer["metadata"]["resourceVersion"])
            items: list[Manifest] = [slim({**shape, **item}) for item in answer.pop("items")]
            yield Listed(items, version)
            if not token:
                return

    async def last_log_line(self, namespace: str, pod: str, container: str) -> str:
        """Return the last line of a container's log with its time before it; empty if none."""
        query = (("container", container), ("tailLines", "1"), ("timestamps", "true"))
        call = Call(
            verb="get",
            resource=RESOURCES["Pod"],
            namespace=namespace,
            name=pod,
            subresource="log",
            query=(*query, ("limitBytes", "4096")),
        )
        return (await self._api.send(call)).decode(errors="replace")

    async def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """Return the end of a container's log: at most so many lines, and 16 KiB."""
        # The server's limit cuts off the end, and the end is what we want: one that no lines but
        # a progress bar's reach.
        limit = ("limitBytes", str(1 << 20))
        query = (("container", container), ("tailLines", str(lines)), limit)
        call = Call(
            verb="get",
            resource=RESOURCES["Pod"],
            namespace=namespace,
            name=pod,
            subresource="log",
            query=query,
        )
        return (await self._api.send(call))[-_TAIL_BYTES:].decode(errors="replace")

    async def create(self, manifest: Manifest) -> Manifest | None:
        """POST `manifest` and return it as stored; None if the name is taken."""
        ref = Ref.of(manifest)
        try:
            return await self._write("create", ref, name="", query=_MANAGED, body=dict(manifest))
        except ConflictError:
            return None

    async def apply(
        self, manifest: Manifest, *, uid: str | None, manager: str = FIELD_MANAGER
    ) -> Manifest:
        """Server-side apply; with `uid` only to that very object, so that no stranger is adopted.

        Raises ConflictError when the object by that name is another one by now.
        """
        ref = Ref.of(manifest)
        body = dict(manifest)
        if uid is not None:
            body["metadata"] = {**manifest["metadata"], "uid": uid}
        query = (("fieldManager", manager), ("force", "true"))
        return await self._write("patch", ref, query=query, body=body)

    async def check_controller(self, manifest: Manifest) -> None:
        """Raise RefusedError if the object by that name has another controller than `manifest`.

        For what we may not read: no object can have two, and a dry run says so.
        """
        ref, meta = Ref.of(manifest), manifest["metadata"]
        kept = {key: meta[key] for key in ("name", "namespace", "ownerReferences")}
        body = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": kept}
        try:
            await self._write("patch", ref, query=(*_FORCED, ("dryRun", "All")), body=body)
        except RefusedError as refusal:
            raise RefusedError(
                "it belongs to somebody else: delete it, or wait until it goes with its owner"
            ) from refusal

    async def apply_status(self, action: WriteStatus) -> Manifest:
        """Server-side apply of the status of exactly the object that was judged."""
        ref = action.ref
        body = {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": {
                "name": ref.name,
                "namespace": ref.namespace,
                "resourceVersion": action.resource_version,
            },
            "status": dict(action.status),
        }
        return await self._write("patch", ref, subresource="status", query=_FORCED, body=body)

    async def delete(self, action: Delete) -> Manifest | None:
        """Delete exactly this object; return what is left while finalizers hold it, else None."""
        preconditions = {"uid": action.uid}
        if action.resource_version:
            preconditions["resourceVersion"] = action.resource_version
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            # A Job's own default would leave its Pods behind.
            "propagationPolicy": "Background",
            "preconditions": preconditions,
        }
        if action.grace_seconds is not None:
            body["gracePeriodSeconds"] = action.grace_seconds
        try:
            left = await self._write("delete", action.ref, body=body)
        except MissingError:
            return None
        return left if left.get("kind") == action.ref.kind else None

    async def _write(
        self,
        verb: str,
        ref: Ref,
        *,
        body: Any,
        query: tuple[tuple[str, str], ...] = (),
        subresource: str = "",
        name: str | None = None,
    ) -> Manifest:
        await self._bucket.take()
        self._writes += 1
        number = self._writes
        self._hooks.before(number, verb, ref)
        call = Call(
            verb=verb,
            resource=RESOURCES[ref.kind],
            namespace=ref.namespace,
            name=ref.name if name is None else name,
            subresource=subresource,
            query=query,
            body=body,
            # Asked last, so that nothing can pass between the check and the call.
            deadline=min(DEADLINE, self._fence.remaining()),
        )
        answer = await self._api.read(call)
        self._hooks.after(number, verb, ref)
        return slim(answer)
