"""How many scoring Pods a revision has: an autoscaler's bounds and what it goes by."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import ApiType, Quantity, rule, rules

DEFAULT_REPLICAS = 2

_MetricName = Annotated[str, Field(min_length=1, max_length=128)]
_LabelValue = Annotated[str, Field(max_length=63)]
Pods = Annotated[int, Field(ge=1, le=100)]


class MetricSelector(ApiType):
    """Which series of the metric, as in a HorizontalPodAutoscaler."""

    match_labels: Annotated[dict[str, _LabelValue], Field(max_length=16)]
    """Labels that the series must have."""


class NamedMetric(ApiType):
    """A metric of the cluster's custom or external metrics API."""

    name: _MetricName
    """Its name, as the metrics API knows it."""
    selector: MetricSelector | None = None
    """Which of its series."""


class MetricTarget(ApiType):
    """What the metric shall be held at."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.type == 'Utilization' ? has(self.averageUtilization) :"
                " (self.type == 'AverageValue' ? has(self.averageValue) : has(self.value))",
                "target.type says which number is needed: averageUtilization for Utilization,"
                " averageValue for AverageValue, value for Value",
            )
        )
    )

    type: Literal["Utilization", "AverageValue", "Value"]
    """Utilization (percent of the request), AverageValue (per Pod) or Value (altogether)."""
    average_utilization: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Percent of what the Pods request, on average."""
    average_value: Quantity | None = None
    """Amount for each Pod, on average."""
    value: Quantity | None = None
    """Amount altogether."""


class ResourceMetric(ApiType):
    """Use of CPU or memory."""

    name: Literal["cpu", "memory"]
    """cpu or memory."""
    target: MetricTarget
    """What it shall be held at."""


class SeriesMetric(ApiType):
    """A metric of the Pods, or of something outside the cluster."""

    metric: NamedMetric
    """Which metric."""
    target: MetricTarget
    """What it shall be held at."""


class ScalingMetric(ApiType):
    """One metric, in the shape of autoscaling/v2."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "(self.type == 'Resource') == has(self.resource) && (self.type == 'Pods') =="
                " has(self.pods) && (self.type == 'External') == has(self.external)",
                "a metric must have exactly the part that its type names:"
                " resource for Resource, pods for Pods, external for External",
            )
        )
    )

    type: Literal["Resource", "Pods", "External"]
    """Resource (CPU, memory), Pods (custom metrics) or External (a queue's length, say)."""
    resource: ResourceMetric | None = None
    """With type Resource."""
    pods: SeriesMetric | None = None
    """With type Pods."""
    external: SeriesMetric | None = None
    """With type External."""


class Autoscaling(ApiType):
    """Bounds and goal of the HorizontalPodAutoscaler that each revision gets."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.min <= self.max",
                "autoscaling.max must not be below autoscaling.min (2 when left out):"
                " raise max or lower min",
            ),
            rule(
                "has(self.cpu) || (has(self.metrics) && self.metrics.size() > 0)",
                "autoscaling needs something to go by: give cpu, such as cpu: 70, or metrics",
            ),
        )
    )

    min: Pods = DEFAULT_REPLICAS
    """Pods at least; a candidate has fewer as long as its share needs no more."""
    max: Pods
    """Pods at most, of each revision."""
    cpu: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Use of CPU to hold the Pods at, in percent of what they request."""
    metrics: Annotated[
        tuple[ScalingMetric, ...],
        Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """Further metrics in the shape of autoscaling/v2; the one that asks for most Pods counts."""


_REQUESTS_CPU = (
    "has(self.predictor) && has(self.predictor.resources) &&"
    " ((has(self.predictor.resources.fromProfile) && self.predictor.resources.fromProfile)"
    " || (has(self.predictor.resources.requests) && 'cpu' in self.predictor.resources.requests)"
    " || (has(self.predictor.resources.limits) && 'cpu' in self.predictor.resources.limits))"
)


def scaling_rules() -> tuple[tuple[str, str], ...]:
    """Return the rules between `replicas`, `autoscaling` and the rest of one spec."""
    return (
        rule(
            "!has(self.replicas) || !has(self.autoscaling)",
            "spec has both replicas and autoscaling, and only one can decide how many Pods there"
            " are: remove replicas, or autoscaling to set the number yourself",
        ),
        rule(
            f"!has(self.autoscaling) || !has(self.autoscaling.cpu) || ({_REQUESTS_CPU})",
            "autoscaling.cpu is a percentage of the CPU that Pods request, and they request none:"
            " give predictor.resources.requests.cpu, or resources.fromProfile: true",
        ),
        rule(
            "!has(self.autoscaling) || !has(self.rollout) || !has(self.rollout.capacity)"
            " || self.rollout.capacity == 'Surge'",
            "rollout.capacity: Conserve divides replicas between two revisions, and with"
            " autoscaling there are none: remove capacity, or give replicas",
        ),
    )


def subresource_scale() -> dict[str, str]:
    """Return where `/scale` finds its numbers: for `kubectl scale`, and autoscalers of others."""
    return {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
