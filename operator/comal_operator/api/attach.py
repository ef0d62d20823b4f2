"""How callers from outside the cluster come to an endpoint's routers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import ApiType, DnsLabel, ForeignName, remedy, rule, rules

Hostname = Annotated[
    str,
    Field(
        pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        max_length=253,
        json_schema_extra=remedy("must be a host name such as score.example.com"),
    ),
]
Annotations = Annotated[
    dict[str, Annotated[str, Field(max_length=1024)]],
    Field(
        max_length=32,
        json_schema_extra=rules(
            rule(
                "self.all(key, !key.startsWith('comal.dev/'))",
                "annotations that start with comal.dev/ are the operator's: choose other names",
            )
        ),
    ),
]


class ParentRef(ApiType):
    """A Gateway, or one listener of it."""

    name: ForeignName
    """Name of the Gateway."""
    namespace: DnsLabel | None = None
    """Its namespace; the ModelDeployment's when left out."""
    section_name: ForeignName | None = None
    """Name of one listener; all that allow it when left out."""


class Ingress(ApiType):
    """An Ingress for one host."""

    class_name: ForeignName | None = None
    """IngressClass; the cluster's default when left out."""
    host: Hostname
    """Host name that callers use."""
    tls_secret_name: ForeignName | None = None
    """Secret with the certificate that the ingress controller shows."""
    annotations: Annotations = Field(default_factory=dict)
    """What the ingress controller reads, such as a limit of the body."""


class EndpointService(ApiType):
    """The Service in front of the routers."""

    type: Literal["ClusterIP", "LoadBalancer", "NodePort"] = "ClusterIP"
    """How it is reached."""
    annotations: Annotations = Field(default_factory=dict)
    """What the cloud reads, such as
    service.beta.kubernetes.io/azure-load-balancer-internal: "true".
    """


class Attach(ApiType):
    """Ways in from outside. They point at the routers and never change during a rollout."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.hostnames) || self.hostnames.size() == 0 || has(self.parentRefs)",
                "traffic.attach.hostnames goes with parentRefs: name the Gateway,"
                " or use ingress.host",
            )
        )
    )

    parent_refs: Annotated[tuple[ParentRef, ...], Field(max_length=8)] | None = None
    """Gateways that an HTTPRoute of ours attaches to; the Gateway API must be installed."""
    hostnames: Annotated[tuple[Hostname, ...], Field(max_length=16)] = ()
    """Host names of the HTTPRoute: all their paths come here. Without any, only
    /api/v1/service/<name>/ does, so that endpoints may share an address.
    """
    ingress: Ingress | None = None
    """Make an Ingress."""
    service: EndpointService = EndpointService()
    """The Service in front of the routers."""
