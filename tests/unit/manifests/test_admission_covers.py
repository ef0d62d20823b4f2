"""The policies judge every kind and every field that names something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from comal_operator.api.kinds import KINDS
from unit.manifests.built import Manifest, of_kind, one

ACCOUNT = "'system:serviceaccount:comal-system:comal-operator'"
PLURALS = {kind.plural for kind in KINDS}
# Fields that name an object of the namespace, and what judges them.
JUDGED = {
    "trainingruns": {
        "serviceAccountName": ".name(object.spec.serviceAccountName)",
        "workspace.existingClaim": ".name(object.spec.workspace.existingClaim)",
        "steps.env.secretKeyRef": "has(e.secretKeyRef)",
        "notify.webhook.secretRef": "w.webhook.secretRef.name",
        "steps.env.configMapKeyRef": "has(e.configMapKeyRef)",
    },
    "modeldeployments": {
        "access.keys.secretName": "[object.spec.access.keys.secretName]",
        "access.tls.secretName": "[object.spec.access.tls.secretName]",
        "traffic.attach.ingress.tlsSecretName": "attach.ingress.tlsSecretName]",
        "predictor.env.secretKeyRef": "has(e.secretKeyRef)",
        "predictor.env.configMapKeyRef": "has(e.configMapKeyRef)",
        "predictor.script.configMap": "[object.spec.predictor.script.configMap]",
        "rollout.analysis.checks.job.secretName": ".map(c, c.job.secretName)",
        "rollout.analysis.checks.prometheus.tokenSecret": "c.prometheus.tokenSecret.name)",
        "telemetry.azureMonitor.connectionString": "azureMonitor.connectionString.name]",
        "telemetry.azureMonitor.caBundle.configMap": "azureMonitor.caBundle.configMap]",
        "dataCollection.sink.volume.claimName": ".name(object.spec.dataCollection.sink.volume.",
    },
    "modelregistries": {
        "azureML.credential.secretRef": ".name(object.spec.azureML.credential.secretRef.name)",
        "store.oci.credential.secretRef": ".name(object.spec.store.oci.credential.secretRef.name)",
        "store.oci.credential.loginSecretRef": "object.spec.store.oci.credential.loginSecretRef.",
        "store.oci.caBundle.configMap": ".name(object.spec.store.oci.caBundle.configMap)",
        "azureML.caBundle.configMap": ".name(object.spec.azureML.caBundle.configMap)",
    },
    "modelversions": {},
}
_NAMING = (
    *("ref", "secret", "secretname", "claim", "claimname", "serviceaccountname", "configmap"),
    "connectionstring",
)


def _fields(schema: Manifest, path: str = "") -> Iterator[str]:
    for name, inner in (schema.get("properties") or {}).items():
        here = f"{path}.{name}" if path else name
        yield here
        yield from _fields(inner, here)
    if "items" in schema:
        yield from _fields(schema["items"], path)


def _spec(crd: Manifest) -> dict[str, Any]:
    schema: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema["properties"]["spec"]  # type: ignore[no-any-return]


def test_every_field_that_names_an_object_is_judged(base: list[Manifest]) -> None:
    for crd in of_kind(base, "CustomResourceDefinition"):
        plural = crd["spec"]["names"]["plural"]
        naming = {path for path in _fields(_spec(crd)) if path.lower().endswith(_NAMING)}

        assert naming == set(JUDGED[plural]), plural
        policy = str(one(base, "ValidatingAdmissionPolicy", f"comal-{plural}"))
        for judgement in JUDGED[plural].values():
            assert judgement in policy


def test_every_kind_has_a_policy(base: list[Manifest]) -> None:
    judged = {
        resource
        for policy in of_kind(base, "ValidatingAdmissionPolicy")
        for rule in policy["spec"]["matchConstraints"]["resourceRules"]
        for resource in rule["resources"]
    }
    assert judged >= {*PLURALS, "*", "*/status"}
    assert set(JUDGED) == PLURALS


def test_every_policy_is_bound_and_fails_closed(base: list[Manifest]) -> None:
    bound = {
        binding["spec"]["policyName"]: binding["spec"]["validationActions"]
        for binding in of_kind(base, "ValidatingAdmissionPolicyBinding")
    }
    for policy in of_kind(base, "ValidatingAdmissionPolicy"):
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert bound[policy["metadata"]["name"]] == ["Deny"]


def test_every_refusal_has_words(base: list[Manifest]) -> None:
    for policy in of_kind(base, "ValidatingAdmissionPolicy"):
        for validation in policy["spec"]["validations"]:
            assert validation.get("message") or validation.get("messageExpression")


def test_the_exempt_account_is_the_one_that_is_installed(base: list[Manifest]) -> None:
    account = one(base, "ServiceAccount")["metadata"]
    deployment = one(base, "Deployment")
    named = f"'system:serviceaccount:{account['namespace']}:{account['name']}'"

    assert named == ACCOUNT
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]
    for policy in of_kind(base, "ValidatingAdmissionPolicy"):
        assert ACCOUNT in str(policy).replace('"', "'").replace("\\'", "'"), policy["metadata"]
