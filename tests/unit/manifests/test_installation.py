"""What is installed: it builds, is confined, and tells the operator all that it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from comal_operator.core.names import FIELD_MANAGER, MANAGED_BY, labels
from comal_operator.core.training.objects import STEP
from comal_operator.core.training.reporting import SERVICE
from comal_operator.settings import read_settings
from comal_trainer.contract.progress import PROGRESS_PORT
from unit.manifests.built import Manifest, of_kind, one, pod_specs

_CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "Namespace",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


class Recorded(Mapping[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _given(manifests: list[Manifest]) -> dict[str, str]:
    container = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    images = one(manifests, "ConfigMap", "comal-images")
    data: dict[str, str] = images["data"]
    assert container["envFrom"] == [{"configMapRef": {"name": images["metadata"]["name"]}}]
    return data | {entry["name"]: entry.get("value", "") for entry in container["env"]}


def test_every_variable_that_the_operator_reads_is_given(cluster_wide: list[Manifest]) -> None:
    given = _given(cluster_wide)
    environment = Recorded(given | {"COMAL_OPERATOR_NAMESPACE": "comal-system"})

    settings = read_settings(environment, own_namespace=None, identity="me")

    assert environment.asked == set(given)
    assert settings.namespaces == ()
    limit = one(cluster_wide, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert limit["resources"]["limits"]["memory"] == "1Gi"
    assert settings.memory_limit < 1 << 30


def test_everything_that_runs_a_pod_passes_restricted(cluster_wide: list[Manifest]) -> None:
    specs = list(pod_specs(cluster_wide))
    assert [name for name, _ in specs] == ["comal-operator"]
    for _, spec in specs:
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert all(set(volume) <= {"name", "emptyDir"} for volume in spec["volumes"])
        for container in spec["containers"] + spec.get("initContainers", []):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["readOnlyRootFilesystem"] is True
            assert "privileged" not in security
            assert "hostPort" not in str(container.get("ports"))


def test_the_operators_namespace_enforces_restricted(base: list[Manifest]) -> None:
    enforced = one(base, "Namespace")["metadata"]["labels"]
    assert enforced["pod-security.kubernetes.io/enforce"] == "restricted"


def test_images_are_pinned(cluster_wide: list[Manifest]) -> None:
    images = [value for name, value in _given(cluster_wide).items() if name.endswith("_IMAGE")]
    images += [c["image"] for _, spec in pod_specs(cluster_wide) for c in spec["containers"]]

    assert len(images) == 7
    for image in images:
        tag = image.rpartition("/")[2].partition(":")[2]
        assert tag not in ("", "latest"), image


def test_only_the_operators_pod_gets_a_token(base: list[Manifest]) -> None:
    assert one(base, "ServiceAccount")["automountServiceAccountToken"] is False
    assert one(base, "Deployment")["spec"]["template"]["spec"]["automountServiceAccountToken"]


def test_selectors_find_the_operator(base: list[Manifest]) -> None:
    worn = one(base, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        one(base, "Deployment")["spec"]["selector"]["matchLabels"],
        *(service["spec"]["selector"] for service in of_kind(base, "Service")),
        one(base, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(base, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector.items() <= worn.items() for selector in selectors)
    # The operator is nobody's child: its own watches must not take it for one.
    assert worn.get(MANAGED_BY) != FIELD_MANAGER


def test_the_operator_may_ask_routers_for_statistics(base: list[Manifest]) -> None:
    egress = one(base, "NetworkPolicy")["spec"]["egress"]
    routers = [rule for rule in egress if rule.get("to")]
    assert len(routers) == 1
    assert routers[0]["ports"] == [{"protocol": "TCP", "port": 9902}]
    selected = routers[0]["to"][0]["podSelector"]["matchLabels"]
    assert selected.items() <= labels("router").items()


def test_every_replica_hears_the_steps_of_every_namespace(base: list[Manifest]) -> None:
    service = one(base, "Service", SERVICE)
    assert service["spec"]["clusterIP"] == "None"
    assert [port["port"] for port in service["spec"]["ports"]] == [PROGRESS_PORT]
    container = one(base, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert PROGRESS_PORT in [port["containerPort"] for port in container["ports"]]
    ingress = one(base, "NetworkPolicy")["spec"]["ingress"]
    (rule,) = (rule for rule in ingress if rule["ports"][0]["port"] == PROGRESS_PORT)
    selected = rule["from"][0]["podSelector"]["matchLabels"]
    assert selected.items() <= labels(STEP).items()


def test_a_namespaced_installation_has_nothing_cluster_scoped(namespaced: list[Manifest]) -> None:
    assert not of_kind(namespaced, *_CLUSTER_SCOPED)
    assert {m["metadata"]["namespace"] for m in namespaced} == {"comal-system"}
    for binding in of_kind(namespaced, "RoleBinding"):
        assert binding["roleRef"]["kind"] == "Role"
    container = one(namespaced, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    watched = next(entry for entry in container["env"] if entry["name"] == "COMAL_NAMESPACES")
    assert watched["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert "value" not in watched
