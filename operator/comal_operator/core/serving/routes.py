"""Which request goes where: a named revision, a rule's revision, or whoever's share it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from comal_operator.core.serving.acknowledgement import (
    MIRROR_CLUSTER,
    SCORING_CLUSTER,
    SCORING_ROUTES,
)
from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.handling import VARIANT_HEADER, Mirror, Role, Rule
from comal_operator.core.serving.open_paths import LIVE_PATHS
from comal_operator.core.serving.repeats import ANSWERED_BY, retry_policy
from comal_operator.core.serving.replies import error_body
from comal_scorer.contract import (
    ANSWERS_HEADER,
    MIRROR_HEADER,
    PAIR_HEADER,
    REVISION_HEADER,
)

NO_FALLBACK_HEADER = "x-comal-no-fallback"
# What no other request has, at this router or another: Envoy writes it before it makes the copy.
_PAIR = "%HOSTNAME%-%CONNECTION_ID%-%START_TIME(%s%9f)%"
# Where Azure ML's router has the endpoint.
_SERVICE_PATH = "/api/v1/service/{}/"

Route = Mapping[str, Any]


def route_configuration(routing: Routing) -> dict[str, Any]:
    """Return the routes' one resource: the first route that fits a request takes it."""
    host = {
        "name": routing.name,
        "domains": ["*"],
        "request_body_buffer_limit": routing.handling.repeatable_bytes,
        "response_headers_to_remove": [ANSWERED_BY],
        **_marks(routing.handling.mirror),
        "routes": [*_by_revision(routing), *_by_rules(routing), *_by_share(routing)],
    }
    return {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": SCORING_ROUTES,
        "virtual_hosts": [host],
    }


def _marks(mirror: Mirror | None) -> dict[str, Any]:
    """Return what marks requests whose answers are compared with those to their copies.

    Callers can neither mark a request nor see what was answered to others.
    """
    if mirror is None:
        return {"request_headers_to_remove": [ANSWERS_HEADER, MIRROR_HEADER, PAIR_HEADER]}
    mark = {
        "header": {"key": PAIR_HEADER, "value": _PAIR},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    return {
        "request_headers_to_remove": [ANSWERS_HEADER, MIRROR_HEADER],
        "request_headers_to_add": [mark],
    }


def _by_revision(routing: Routing) -> Sequence[Route]:
    """Return the routes of requests that name their revision; nobody else answers those."""
    known = [
        {
            "match": _match(_header(REVISION_HEADER, one.revision)),
            "route": {**_action(routing), "metadata_match": _revision(one)},
        }
        for one in routing.backends
    ]
    unknown = {
        "match": _match({"name": REVISION_HEADER, "present_match": True}),
        "direct_response": {
            "status": 404,
            "body": error_body(
                "unknown-revision",
                f"no revision of that name serves here; see status.traffic of {routing.name}",
            ),
        },
    }
    return [*known, unknown]


def _by_rules(routing: Routing) -> Sequence[Route]:
    """Return the routes of `traffic.rules`; without their revision they are no rules.

    The last ones are those of variants that are named, and of names that no variant has.
    """
    found: list[Route] = []
    names, suspended = routing.handling.variants, routing.handling.suspended
    rules = () if suspended else routing.handling.rules
    for rule in (*rules, *(Rule(VARIANT_HEADER, one, one) for one in names)):
        backend = next((one for one in routing.backends if one.role == rule.role), None)
        if backend is None:
            continue
        match = _header(rule.header, rule.value)
        action = _action(routing)
        alone = {**action, "metadata_match": _revision(backend)}
        if suspended:
            found.append({"match": _match(match), "route": alone})
            continue
        found += [
            {"match": _match(match, _refusal()), "route": alone},
            {
                "match": _match(match),
                "route": {
                    **action,
                    "metadata_match": _or_by_share(backend),
                    "retry_policy": retry_policy(of_errors=False, away_from_candidate=False),
                },
            },
        ]
    if names:
        found.append(_unknown_variant(routing))
    return found


def _unknown_variant(routing: Routing) -> Route:
    """Return the answer to who names a variant that is not there: no other model's answer."""
    roles = {one.role for one in routing.backends}
    there = ", ".join(one for one in routing.handling.variants if one in roles) or "none yet"
    message = f"no variant of that name serves here; those of {routing.name}: {there}"
    return {
        "match": _match({"name": VARIANT_HEADER, "present_match": True}),
        "direct_response": {"status": 404, "body": error_body("unknown-variant", message)},
    }


def _suspended(routing: Routing) -> Sequence[Route]:
    """Return the answer to everybody else while the endpoint is stopped.

    Load balancers still find it alive, or they would answer in its place.
    """
    reading = {"name": ":method", "string_match": {"exact": "GET"}}
    alive = [
        {"match": {"path": path, "headers": [reading]}, "route": _action(routing)}
        for path in LIVE_PATHS
    ]
    text = f"{routing.name} is stopped by its owner (spec.suspend): nobody is answered until it is"
    body = error_body("suspended", f"{text} started again")
    return [*alive, {"match": _match(), "direct_response": {"status": 503, "body": body}}]


def _by_share(routing: Routing) -> Sequence[Route]:
    if routing.handling.suspended:
        return _suspended(routing)
    action = {**_action(routing), **_copies(routing.handling.mirror)}
    policy = retry_policy(of_errors=routing.handling.repeats_errors, away_from_candidate=True)
    return [
        *_sticky(routing, action),
        {"match": _match(_refusal()), "route": action},
        {"match": _match(), "route": {**action, "retry_policy": policy}},
    ]


def _sticky(routing: Routing, action: Mapping[str, Any]) -> Sequence[Route]:
    """Return the routes of requests whose header's hash chooses the revision, within the shares."""
    header = routing.handling.sticky_by
    sharing = [one for one in routing.backends if Decimal(one.percent) > 0]
    if header is None or not sharing:
        return []
    # Who has left the stable revision's part of the hashes for the candidate's stays there while
    # it grows: the candidate's part comes before it, and variants' parts before both.
    last: dict[str, int] = {Role.CANDIDATE: 1, Role.STABLE: 2}
    sharing.sort(key=lambda one: (last.get(one.role, 0), one.role, one.revision))
    hashed = {"header": {"header_name": header}}
    present = {"name": header, "present_match": True}
    rest = {name: value for name, value in action.items() if name != "cluster"}
    policy = retry_policy(of_errors=False, away_from_candidate=False)

    def route(*, repeats: bool) -> Route:
        chosen = {
            "clusters": [
                {
                    "name": SCORING_CLUSTER,
                    "weight": int(Decimal(one.percent) * 1000),
                    "metadata_match": _or_by_share(one) if repeats else _revision(one),
                }
                for one in sharing
            ],
            "use_hash_policy": True,
        }
        found = {**rest, "weighted_clusters": chosen, "hash_policy": [hashed]}
        headers = [present] if repeats else [present, _refusal()]
        return {
            "match": _match(*headers),
            "route": {**found, "retry_policy": policy} if repeats else found,
        }

    return [route(repeats=False), route(repeats=True)]


def _copies(mirror: Mirror | None) -> dict[str, Any]:
    """Return what sends copies of a share of the requests; their answers are counted, not used."""
    if mirror is None:
        return {}
    part = {"numerator": int(Decimal(mirror.percent) * 10_000), "denominator": "MILLION"}
    marked = {"header": {"key": MIRROR_HEADER, "value": mirror.percent}}
    policy = {
        "cluster": MIRROR_CLUSTER,
        "runtime_fraction": {"default_value": part},
        "disable_shadow_host_suffix_append": True,
        "request_headers_mutations": [{"append": marked}],
    }
    return {"request_mirror_policies": [policy]}


def _action(routing: Routing) -> dict[str, Any]:
    """Return what all routes share; the cluster gives requests to revisions by their shares."""
    path = re.escape(_SERVICE_PATH.format(routing.name))
    return {
        "cluster": SCORING_CLUSTER,
        "timeout": f"{routing.timeout_seconds:g}s",
        "regex_rewrite": {"pattern": {"regex": f"^{path}"}, "substitution": "/"},
    }


def _match(*headers: Mapping[str, Any]) -> dict[str, Any]:
    return {"prefix": "/", **({"headers": list(headers)} if headers else {})}


def _header(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "string_match": {"exact": value}}


def _refusal() -> dict[str, Any]:
    """Return the match of callers who want no request of theirs sent twice."""
    return {"name": NO_FALLBACK_HEADER, "present_match": True}


def _or_by_share(backend: Backend) -> dict[str, Any]:
    """Return the choice of this revision; by shares if none of its Pods answers."""
    # `{}` fits every endpoint.
    choices = [{"revision": backend.revision}, {}]
    return {"filter_metadata": {"envoy.lb": {"fallback_list": choices}}}


def _revision(backend: Backend) -> dict[str, Any]:
    return {"filter_metadata": {"envoy.lb": {"revision": backend.revision}}}
