"""Turns one action of a plan into writes, and their answers into what is seen."""

from __future__ import annotations

import logging

from comal_operator.core.plan import (
    Action,
    Apply,
    Create,
    CreateCredentials,
    Delete,
    Manifest,
    Ref,
    WriteStatus,
)
from comal_operator.shell.cache import ObjectKey
from comal_operator.shell.credentials import with_credentials
from comal_operator.shell.faults import ConflictError, MissingError, RefusedError
from comal_operator.shell.gateway import Gateway
from comal_operator.shell.resources import OPTIONAL, UNREADABLE
from comal_operator.shell.world import View, World

log = logging.getLogger(__name__)


class RepeatedRefusalError(Exception):
    """A decision repeats what the API server has refused for good."""


class Deeds:
    """Carries out actions for objects of any kind."""

    def __init__(self, gateway: Gateway, world: World) -> None:
        self._gateway = gateway
        self._world = world

    def is_calm(self) -> bool:
        """Return whether there is room for a write that could wait."""
        return self._gateway.is_calm()

    async def carry_out(self, view: View, action: Action) -> View:
        """Return the view after `action`: with the API server's answer, or with its refusal.

        Raises ConflictError or MissingError when the world moved, TransientError when nothing is
        known, RepeatedRefusalError when it was refused in this pass already.
        """
        ref = _target(action)
        try:
            match action:
                case Create(manifest):
                    return await self._create(view, manifest)
                case CreateCredentials():
                    return await self._create_credentials(view, action)
                case Apply():
                    return await self._apply(view, action)
                case WriteStatus():
                    return self._known(view, await self._gateway.apply_status(action))
                case Delete():
                    left = await self._gateway.delete(action)
        except RefusedError as refusal:
            return _refused(view, ref, refusal)
        if left is not None:
            return self._known(view, left)
        self._world.forget(ref)
        return view.without(ref)

    async def _create(self, view: View, manifest: Manifest) -> View:
        made = await self._gateway.create(manifest)
        if made is not None:
            return self._known(view, made)
        # Somebody was faster, perhaps we ourselves before a crash: the decision looks at it.
        found = await self._gateway.get(*ObjectKey.of(manifest))
        return view.without(Ref.of(manifest)) if found is None else self._met(view, found)

    async def _create_credentials(self, view: View, action: CreateCredentials) -> View:
        body = with_credentials(action)
        if await self._gateway.create(body) is None:
            # Ours from before a crash, or of a namesake who is gone: then it goes too.
            await self._gateway.check_controller(action.manifest)
            # It may have gone between the two.
            await self._gateway.create(body)
        return view.with_object(action.manifest)

    async def _apply(self, view: View, action: Apply) -> View:
        for manifest in action.manifests:
            ref = Ref.of(manifest)
            known = view.seen.get(ref.kind, ref.name) or _itself(view, ref)
            if known is None and ref.kind not in UNREADABLE:
                # Not among ours, but perhaps a stranger's: the decision judges, we never adopt.
                stranger = await self._gateway.get(ref.kind, ref.namespace, ref.name)
                if stranger is not None:
                    return self._met(view, stranger)
            uid = known["metadata"].get("uid") if known else None
            try:
                body = await self._gateway.apply(manifest, uid=uid, manager=action.manager)
                view = self._known(view, body)
            except RefusedError as refusal:
                return _refused(view, ref, refusal)
            except MissingError as missing:
                if uid is not None or ref.kind not in OPTIONAL:
                    raise
                text = f"the cluster has no {ref.api_version} {ref.kind}: install its CRDs"
                log.debug("%s", missing)
                return _refused(view, ref, RefusedError(text))
        return view

    def _met(self, view: View, body: Manifest) -> View:
        """Return the view with an object that it did not show, or ask for a new look at all.

        A Job of ours that came since may be over by now; beside older Pods it would look as if
        its own were gone.
        """
        if self._world.shows(view.obj, body):
            raise ConflictError(f"{body['kind']} {body['metadata']['name']} came meanwhile")
        return view.with_object(body)

    def _known(self, view: View, body: Manifest) -> View:
        if body["kind"] not in UNREADABLE:
            self._world.remember(body)
        return view.with_object(body)


def _target(action: Action) -> Ref:
    match action:
        case Create(manifest) | CreateCredentials(manifest):
            return Ref.of(manifest)
        case Apply(manifests):
            return Ref.of(manifests[0])
        case WriteStatus(ref=ref) | Delete(ref=ref):
            return ref


def _itself(view: View, ref: Ref) -> Manifest | None:
    return view.obj if Ref.of(view.obj) == ref else None


def _refused(view: View, ref: Ref, refusal: RefusedError) -> View:
    log.warning("%s %s/%s refused: %s", ref.kind, ref.namespace, ref.name, refusal)
    if (ref.kind, ref.name) in view.seen.refusals:
        raise RepeatedRefusalError(f"{ref.kind} {ref.name}: {refusal}") from refusal
    return view.with_refusal(ref, str(refusal))
