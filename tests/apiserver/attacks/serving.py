"""Attacks by ModelDeployment and ModelRegistry."""

from __future__ import annotations

from typing import Any

from apiserver.attacks.attack import (
    CLAIMS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    SERVE,
    SERVICES,
    STORE,
    VERSIONS,
    Attack,
    Request,
    a_deployment,
    a_registry,
    config,
    create,
    patch,
    secret,
)
from comal_operator.core.plan import Manifest

_EXISTS = (create("modeldeployments", a_deployment()),)
_REGISTRY_EXISTS = (create("modelregistries", a_registry()),)
_IMAGE = patch("modeldeployments", "diabetes", {"spec": {"image": "example.com/scorer:2"}})

_ACCOUNTS = "create serviceaccounts"
_PRINCIPAL = "get secrets:principal"
_COMPANY = "get configmaps:company"


def _without(rights: tuple[str, ...], right: str) -> tuple[str, ...]:
    return tuple(held for held in rights if held != right)


def _making(what: str, right: str) -> Attack:
    return Attack(
        title=f"an endpoint by someone who may not create {what}",
        request=create("modeldeployments", a_deployment()),
        held=_without(SERVE, right),
        says=f"you (mallory) may not create {what} in namespace",
        honest_rights=(right,),
    )


def _storing(what: str, right: str) -> Attack:
    return Attack(
        title=f"a registry by someone who may not create {what}",
        request=create("modelregistries", a_registry()),
        held=_without(STORE, right),
        says=f"you (mallory) may not create {what} in namespace",
        honest_rights=(right,),
    )


def _mirrored(**azure: Any) -> Manifest:
    body = a_registry()
    said = {
        "subscriptionId": "33333333-3333-3333-3333-333333333333",
        "resourceGroup": "ml-group",
        "workspace": "ml",
        "credential": {"secretRef": {"name": "principal"}},
        **azure,
    }
    return {**body, "spec": {**body["spec"], "azureML": said}}


def _elsewhere(**oci: Any) -> Manifest:
    said = {
        "repository": "comal.azurecr.io/models",
        "credential": {"secretRef": {"name": "principal"}},
        **oci,
    }
    return a_registry(oci=said)


def _changing(title: str, request: Request) -> Attack:
    return Attack(
        title=title,
        request=request,
        held=_without(SERVE, DEPLOYMENTS),
        exists=_EXISTS,
        says="you (mallory) may not create deployments",
        honest_rights=(DEPLOYMENTS,),
    )


def _attaching(title: str, right: str, what: str, **attach: object) -> Attack:
    return Attack(
        title=title,
        request=create("modeldeployments", a_deployment(traffic={"attach": attach})),
        held=SERVE,
        says=f"you (mallory) may not create {what}",
        honest_rights=(right,),
    )


def _reading(title: str, request: Request, right: str, what: str) -> Attack:
    return Attack(
        title=title,
        request=request,
        held=SERVE,
        exists=_EXISTS if request.method == "PATCH" else (),
        says=f"you (mallory) may not get {what}",
        honest_rights=(right,),
    )


def _checked(job: dict[str, str]) -> dict[str, object]:
    return {"analysis": {"checks": [{"name": "eval", "job": job}]}}


def _asking(secret_name: str) -> dict[str, object]:
    query = {"address": "https://example.com", "query": "psi", "max": "0.2"}
    token = {"tokenSecret": {"name": secret_name, "key": "token"}}
    return {"analysis": {"checks": [{"name": "psi", "prometheus": {**query, **token}}]}}


ENDPOINTS = (
    _making("deployments", DEPLOYMENTS),
    _making("pods", PODS),
    _making("services", SERVICES),
    Attack(
        title="an endpoint for a model that its author may not see",
        request=create("modeldeployments", a_deployment()),
        held=_without(SERVE, VERSIONS),
        says="you (mallory) may not get modelversions",
        honest_rights=(VERSIONS,),
    ),
    _changing("another image in an endpoint, and nothing else", _IMAGE),
    _changing("more replicas", patch("modeldeployments", "diabetes", {"spec": {"replicas": 100}})),
    _changing(
        "another model behind an endpoint",
        patch("modeldeployments", "diabetes", {"spec": {"model": {"version": "2"}}}),
    ),
    _reading(
        "a Secret in the scorer's environment",
        create("modeldeployments", a_deployment(secret("hook"))),
        "get secrets:hook",
        "secrets/hook",
    ),
    _reading(
        "a ConfigMap in the scorer's environment",
        create("modeldeployments", a_deployment(config("site"))),
        "get configmaps:site",
        "configmaps/site",
    ),
    _reading(
        "a Secret put into an endpoint that was accepted without it",
        patch("modeldeployments", "diabetes", {"spec": {"predictor": {"env": [secret("hook")]}}}),
        "get secrets:hook",
        "secrets/hook",
    ),
    _reading(
        "somebody else's Secret as the keys of an endpoint",
        create(
            "modeldeployments",
            a_deployment(access={"auth": "Keys", "keys": {"secretName": "hook"}}),
        ),
        "get secrets:hook",
        "secrets/hook",
    ),
    _reading(
        "somebody else's certificate on an endpoint",
        create("modeldeployments", a_deployment(access={"tls": {"secretName": "hook"}})),
        "get secrets:hook",
        "secrets/hook",
    ),
    _reading(
        "somebody else's Secret as a connection string, beside a proxy of one's own",
        create(
            "modeldeployments",
            a_deployment(
                telemetry={"azureMonitor": {"connectionString": {"name": "hook", "key": "url"}}}
            ),
        ),
        "get secrets:hook",
        "secrets/hook",
    ),
    _reading(
        "a ConfigMap that would run as the scoring script",
        create(
            "modeldeployments",
            a_deployment(predictor={"script": {"configMap": "site"}}),
        ),
        "get configmaps:site",
        "configmaps/site",
    ),
    _reading(
        "somebody else's volume for what is collected",
        create(
            "modeldeployments",
            a_deployment(dataCollection={"sink": {"volume": {"claimName": "theirs"}}}),
        ),
        "get persistentvolumeclaims:theirs",
        "persistentvolumeclaims/theirs",
    ),
    Attack(
        title="a program that judges, by someone who may make no Jobs",
        request=create("modeldeployments", a_deployment(rollout=_checked({"image": "e"}))),
        held=SERVE,
        says="you (mallory) may not create jobs in namespace",
        honest_rights=(JOBS,),
    ),
    Attack(
        title="somebody else's Secret in a program that judges",
        request=create(
            "modeldeployments",
            a_deployment(rollout=_checked({"image": "e", "secretName": "hook"})),
        ),
        held=(*SERVE, JOBS),
        says="you (mallory) may not get secrets/hook",
        honest_rights=("get secrets:hook",),
    ),
    Attack(
        title="somebody else's Secret sent to an address of one's own",
        request=create("modeldeployments", a_deployment(rollout=_asking("hook"))),
        held=(*SERVE, JOBS),
        says="you (mallory) may not get secrets/hook",
        honest_rights=("get secrets:hook",),
    ),
    _attaching(
        "an Ingress by someone who may make none",
        "create ingresses.networking.k8s.io",
        "ingresses",
        ingress={"host": "score.example.com"},
    ),
    _attaching(
        "an HTTPRoute by someone who may make none",
        "create httproutes.gateway.networking.k8s.io",
        "httproutes",
        parentRefs=[{"name": "public"}],
    ),
    Attack(
        title="a scorer under a service account",
        request=create("modeldeployments", a_deployment(serviceAccountName="deployer")),
        held=SERVE,
        says='unknown field "spec.serviceAccountName"',
        honest_request=create("modeldeployments", a_deployment()),
        drops=("spec.serviceAccountName",),
    ),
    Attack(
        title="a folder of the node under the scorer",
        request=create("modeldeployments", a_deployment(volumes=[{"hostPath": {"path": "/"}}])),
        held=SERVE,
        says='unknown field "spec.volumes"',
        honest_request=create("modeldeployments", a_deployment()),
        drops=("spec.volumes",),
    ),
)

REGISTRIES = (
    _storing("deployments", DEPLOYMENTS),
    _storing("pods", PODS),
    _storing("services", SERVICES),
    _storing("persistentvolumeclaims", CLAIMS),
    Attack(
        title="a registry grown by someone who may not create claims",
        request=patch(
            "modelregistries", "default", {"spec": {"store": {"embedded": {"size": "9Gi"}}}}
        ),
        held=_without(STORE, CLAIMS),
        exists=_REGISTRY_EXISTS,
        says="you (mallory) may not create persistentvolumeclaims",
        honest_rights=(CLAIMS,),
    ),
    Attack(
        title="a registry that calls Azure by someone who may not create Jobs",
        request=create("modelregistries", _mirrored()),
        held=(*STORE, _ACCOUNTS, _PRINCIPAL),
        says="you (mallory) may not create jobs in namespace",
        honest_rights=(JOBS,),
    ),
    Attack(
        title="a registry that comes to Azure as a Secret that its author may not read",
        request=create("modelregistries", _mirrored()),
        held=(*STORE, _ACCOUNTS, JOBS),
        says="may not get secrets/principal in namespace",
        honest_rights=(_PRINCIPAL,),
    ),
    Attack(
        title="a registry that trusts a ConfigMap that its author may not read",
        request=create("modelregistries", _mirrored(caBundle={"configMap": "company"})),
        held=(*STORE, _ACCOUNTS, JOBS, _PRINCIPAL),
        says="may not get configmaps/company in namespace",
        honest_rights=(_COMPANY,),
    ),
    Attack(
        title="models elsewhere by someone who may not create the account that goes there",
        request=create("modelregistries", _elsewhere()),
        held=(*STORE, _PRINCIPAL),
        says="you (mallory) may not create serviceaccounts in namespace",
        honest_rights=(_ACCOUNTS,),
    ),
    Attack(
        title="models elsewhere by a Secret of Azure's that its author may not read",
        request=create("modelregistries", _elsewhere()),
        held=(*STORE, _ACCOUNTS),
        says="may not get secrets/principal in namespace",
        honest_rights=(_PRINCIPAL,),
    ),
    Attack(
        title="models elsewhere by a password that its author may not read",
        request=create(
            "modelregistries", _elsewhere(credential={"loginSecretRef": {"name": "principal"}})
        ),
        held=(*STORE, _ACCOUNTS),
        says="may not get secrets/principal in namespace",
        honest_rights=(_PRINCIPAL,),
    ),
    Attack(
        title="models elsewhere that trust a ConfigMap that their author may not read",
        request=create("modelregistries", _elsewhere(caBundle={"configMap": "company"})),
        held=(*STORE, _ACCOUNTS, _PRINCIPAL),
        says="may not get configmaps/company in namespace",
        honest_rights=(_COMPANY,),
    ),
    Attack(
        title="a registry that points at the attacker's own",
        request=create(
            "modelregistries",
            a_registry(embedded={"size": "1Gi", "url": "http://evil.example"}),
        ),
        held=STORE,
        says='unknown field "spec.store.embedded.url"',
        honest_request=create("modelregistries", a_registry()),
        drops=("spec.store.embedded.url",),
    ),
)

SERVING = (*ENDPOINTS, *REGISTRIES)
