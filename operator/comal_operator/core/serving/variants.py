"""Variants: from what is remembered and seen to what is remembered next.

A variant has no steps and no verdict: what its spec names takes its share over when all its Pods
answer and every router knows them, in one write of shares. Shares move together, so that what one
variant gives another gets at the same moment and spec.model does not carry it in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from comal_operator.core.serving.memory import NONE, Draining, Memory, Role, Variant, whole_second
from comal_operator.core.serving.sight import Sight, WantedVariant


def varied(memory: Memory, sight: Sight) -> Memory:
    """Return `memory` with every variant a step closer to what the spec wants of it."""
    if not (memory.variants or sight.variants):
        return memory
    wanted = {one.name: one for one in sight.variants}
    left: list[str] = []
    found: list[Variant] = []
    for name in sorted({*wanted, *(one.name for one in memory.variants)}):
        before = next((one for one in memory.variants if one.name == name), Variant(name))
        after = _followed(before, wanted.get(name), sight)
        after = _taken_over(after, sight, has_stable=memory.stable is not None)
        found.append(after)
        left += sorted(_revisions(before) - _revisions(after))
    found, gone = _without_unwanted(_shared(found, wanted, sight), wanted, memory, sight)
    left += gone
    kept = {one for variant in found for one in _revisions(variant)}
    draining = [one for one in memory.draining if one.revision not in kept]
    draining += [Draining(one) for one in left if one not in kept]
    return replace(memory, variants=tuple(found), draining=tuple(draining))


def waits_for_routers(memory: Memory, sight: Sight) -> bool:
    """Return whether a variant could go on as soon as every router says what it runs."""
    wanted = {one.name: one for one in sight.variants}
    return any(
        (one.is_announced and one.following is not None and _answers(one.following, sight))
        or (
            one.name in wanted
            and _rises(one, wanted)
            and one.following is None
            and one.serving is not None
            and _answers(one.serving, sight)
        )
        for one in memory.variants
    )


def still_starting(role: Role, sight: Sight) -> bool:
    """Return whether a revision's Pods may yet come, without anybody's help."""
    seen = sight.seen(role.revision)
    if seen.problem is not None and seen.problem.final:
        return False
    return sight.now < starts_until(role, sight)


def starts_until(role: Role, sight: Sight) -> datetime:
    """Return until when a revision's Pods are waited for."""
    made = sight.seen(role.revision).made or role.since
    return max(role.since, made) + sight.schedule.startup_timeout


def _followed(variant: Variant, wanted: WantedVariant | None, sight: Sight) -> Variant:
    """Return the variant with the revision that shall take over: what the spec wants by now."""
    following = variant.following
    if following is not None and (wanted is None or wanted.revision != following.revision):
        # Nobody wants it any more; what serves goes on as long as its variant stands.
        variant = replace(variant, following=None, is_announced=False)
    target = wanted.target if wanted is not None else None
    if target is None or target.revision in _revisions(variant):
        return variant
    moment = whole_second(sight.now)
    role = Role(target.revision, target.model_version, target.digest, moment)
    return replace(variant, following=role, is_announced=False)


def _taken_over(variant: Variant, sight: Sight, *, has_stable: bool) -> Variant:
    """Return the variant with its follower in the routers, then in its place."""
    following = variant.following
    # Whoever is first at an endpoint is spec.model: there is something to share from then on.
    if following is None or not has_stable or not _answers(following, sight):
        return variant
    if not variant.is_announced:
        # First at nothing: its endpoints reach the routers, and their health checks it.
        return replace(variant, is_announced=True)
    if not sight.is_confirmed:
        return variant
    serving = replace(following, since=whole_second(sight.now))
    return replace(variant, serving=serving, following=None, is_announced=False)


def _shared(
    variants: list[Variant], wanted: dict[str, WantedVariant], sight: Sight
) -> list[Variant]:
    """Return the variants with their new shares: all at once, or those that fall alone if what
    rises never comes.
    """
    rising = [one for one in variants if _rises(one, wanted)]
    ready = [one for one in rising if _may_rise(one, wanted, sight)]
    coming = [one for one in rising if one not in ready and _will_rise(one, wanted, sight)]
    if coming:
        return variants
    names = {one.name for one in ready}
    return [
        replace(one, percent=_percent(one, wanted))
        if one.name in names or not _rises(one, wanted)
        else one
        for one in variants
    ]


def _without_unwanted(
    variants: list[Variant], wanted: dict[str, WantedVariant], memory: Memory, sight: Sight
) -> tuple[list[Variant], list[str]]:
    """Return those that stay, and the revisions of those that go: never the last that answers."""
    stable = memory.stable
    others = stable is not None and sight.seen(stable.revision).answering > 0
    kept, gone = [], []
    for one in variants:
        is_last = one.serving is not None and not others
        if one.name in wanted or Decimal(one.percent) or is_last:
            kept.append(one)
        else:
            gone += sorted(_revisions(one))
    return kept, gone


def _may_rise(variant: Variant, wanted: dict[str, WantedVariant], sight: Sight) -> bool:
    serving, target = variant.serving, wanted[variant.name].target
    if serving is None or target is None or serving.revision != target.revision:
        return False
    return sight.is_confirmed and _answers(serving, sight)


def _will_rise(variant: Variant, wanted: dict[str, WantedVariant], sight: Sight) -> bool:
    one = wanted[variant.name]
    if one.revision is None:
        return one.comes
    role = variant.following or variant.serving
    return role is None or _answers(role, sight) or still_starting(role, sight)


def _rises(variant: Variant, wanted: dict[str, WantedVariant]) -> bool:
    return Decimal(_percent(variant, wanted)) > Decimal(variant.percent)


def _percent(variant: Variant, wanted: dict[str, WantedVariant]) -> str:
    one = wanted.get(variant.name)
    return NONE if one is None else one.percent


def _answers(role: Role, sight: Sight) -> bool:
    return sight.seen(role.revision).is_available


def _revisions(variant: Variant) -> set[str]:
    return {role.revision for role in (variant.serving, variant.following) if role is not None}


def changes_alone(memory: Memory, sight: Sight) -> Sequence[datetime]:
    """Return when time alone changes what becomes of the variants."""
    return [starts_until(one.following, sight) for one in memory.variants if one.following]
