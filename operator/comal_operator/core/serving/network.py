"""Who may talk to whom around an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from comal_operator.core.children import child_metadata
from comal_operator.core.image_tags import egress
from comal_operator.core.names import child_name
from comal_operator.core.network_rules import DNS, IN_CLUSTER, OUTSIDE
from comal_operator.core.plan import Manifest, Settings
from comal_operator.core.registry.objects import READER_PORT
from comal_operator.core.serving.acknowledgement import STATS_PORT
from comal_operator.core.serving.collector_egress import collector_egress, told_collectors
from comal_operator.core.serving.labels import (
    CHECK,
    IMAGES,
    ROUTER,
    SCORER,
    SMOKE,
    component_selector,
    serving_labels,
)
from comal_operator.core.serving.listeners import SCORING_PORT as ROUTER_PORT
from comal_operator.core.serving.picture_egress import picture_egress
from comal_operator.core.serving.pods import METRICS_PORT, SCORING_PORT

SCRAPE_LABEL = "comal.dev/scrape"
_MAY_SCRAPE = {"matchLabels": {SCRAPE_LABEL: "allowed"}}
# A namespace that its administrators have labelled, and in the endpoint's own a Pod that is.
_SCRAPERS = ({"namespaceSelector": _MAY_SCRAPE}, {"podSelector": _MAY_SCRAPE})


def network_policies(
    mdep: Manifest,
    settings: Settings,
    templates: Sequence[Manifest] = (),
    spans_to: str | None = None,
) -> tuple[Manifest, ...]:
    """Return the policies of routers, of scoring Pods and of smoke tests.

    `templates` are those of the Pods that may run: they reach what their pictures and spans need.
    `spans_to` is where routers send theirs.
    """
    routers = _router_policy(mdep, settings, spans_to)
    beyond = [*picture_egress(templates), *collector_egress(told_collectors(templates))]
    return routers, _scorer_policy(mdep, beyond), _smoke_policy(mdep)


def _router_policy(mdep: Manifest, settings: Settings, spans_to: str | None) -> Manifest:
    """Callers call, operator and scrapers read statistics; routers talk to this endpoint's Pods
    and to its collector of spans.
    """
    operator = {
        "namespaceSelector": {
            "matchLabels": {"kubernetes.io/metadata.name": settings.operator_namespace}
        },
        "podSelector": {"matchLabels": {"app.kubernetes.io/component": "operator"}},
    }
    scorers = {"podSelector": {"matchLabels": component_selector(mdep, SCORER)}}
    ingress = [
        {"ports": [_port(ROUTER_PORT)]},
        {"from": [operator, *_SCRAPERS], "ports": [_port(STATS_PORT)]},
    ]
    egress = [{"to": [scorers], "ports": [_port(SCORING_PORT)]}]
    if spans_to is not None:
        egress += [DNS, *collector_egress([spans_to])]
    return _policy(mdep, ROUTER, ingress, egress)


def _scorer_policy(mdep: Manifest, beyond: list[dict[str, Any]]) -> Manifest:
    """Routers, smoke tests and checks call, scrapers reach a port where nothing is scored; scoring
    Pods read models, for which they need names.
    """
    routers = {"podSelector": {"matchLabels": component_selector(mdep, ROUTER)}}
    registry = {"podSelector": {"matchLabels": {"app.kubernetes.io/component": "registry"}}}
    smoke = {"podSelector": {"matchLabels": component_selector(mdep, SMOKE)}}
    checks = {"podSelector": {"matchLabels": component_selector(mdep, CHECK)}}
    ingress = [
        {"from": [routers, smoke, checks], "ports": [_port(SCORING_PORT)]},
        {"from": [*_SCRAPERS], "ports": [_port(METRICS_PORT)]},
    ]
    egress = [DNS, {"to": [registry], "ports": [_port(READER_PORT)]}, *beyond]
    return _policy(mdep, SCORER, ingress, egress)


def _smoke_policy(mdep: Manifest) -> Manifest:
    """Nobody calls; a smoke test reaches this endpoint's scoring Pods and nothing else."""
    scorers = {"podSelector": {"matchLabels": component_selector(mdep, SCORER)}}
    egress = [DNS, {"to": [scorers], "ports": [_port(SCORING_PORT)]}]
    return _policy(mdep, SMOKE, [], egress)


def check_policy(mdep: Manifest) -> Manifest:
    """Nobody calls; a check reaches what any Pod of its namespace may, but no node's credentials.

    Which Prometheus is meant, in the cluster or outside, only the user knows.
    """
    return _policy(mdep, CHECK, [], [DNS, IN_CLUSTER, OUTSIDE])


def image_policy(mdep: Manifest, asked: Sequence[str]) -> Manifest:
    """Nobody calls; what asks for the digests of tags reaches registries, and Azure's logins."""
    return _policy(mdep, IMAGES, [], egress(asked))


def _policy(
    mdep: Manifest, component: str, ingress: list[dict[str, Any]], egress: list[dict[str, Any]]
) -> Manifest:
    name = child_name(mdep["metadata"]["name"], component)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": child_metadata(mdep, name, serving_labels(mdep, component)),
        "spec": {
            "podSelector": {"matchLabels": component_selector(mdep, component)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }


def _port(port: int) -> dict[str, Any]:
    return {"protocol": "TCP", "port": port}
