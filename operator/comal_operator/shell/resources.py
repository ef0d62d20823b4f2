"""The kinds that the operator reads or writes, and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from comal_operator.api.meta import API_VERSION


@dataclass(frozen=True)
class Resource:
    """One resource of the API server."""

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Return the URL path; without a namespace it spans all of them."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return "/".join(
            part for part in (f"{root}{scope}/{self.plural}", name, subresource) if part
        )


_ALL = (
    Resource(API_VERSION, "TrainingRun", "trainingruns"),
    Resource(API_VERSION, "ModelVersion", "modelversions"),
    Resource(API_VERSION, "ModelRegistry", "modelregistries"),
    Resource(API_VERSION, "ModelDeployment", "modeldeployments"),
    Resource("v1", "ConfigMap", "configmaps"),
    Resource("v1", "Event", "events"),
    Resource("v1", "Node", "nodes"),
    Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    Resource("v1", "Pod", "pods"),
    Resource("v1", "Secret", "secrets"),
    Resource("v1", "Service", "services"),
    Resource("v1", "ServiceAccount", "serviceaccounts"),
    Resource("apps/v1", "ControllerRevision", "controllerrevisions"),
    Resource("apps/v1", "Deployment", "deployments"),
    Resource("authentication.k8s.io/v1", "TokenReview", "tokenreviews"),
    Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Resource("batch/v1", "Job", "jobs"),
    Resource("coordination.k8s.io/v1", "Lease", "leases"),
    Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    # The Gateway API's, which need not be there.
    Resource("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes"),
    # Kueue's, which need not be there; from 0.15 on it serves this version.
    Resource("kueue.x-k8s.io/v1beta2", "Workload", "workloads"),
    Resource("networking.k8s.io/v1", "Ingress", "ingresses"),
    Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
)
RESOURCES = {resource.kind: resource for resource in _ALL}

# Kinds that a cluster may lack.
OPTIONAL = frozenset({"HTTPRoute"})
# Read by nobody, not even us: what was applied is remembered beside it (docs/decisions/0004).
UNREADABLE = frozenset({"Secret"})
