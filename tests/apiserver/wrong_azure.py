"""Workspaces of Azure ML that the API server must refuse."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.wrong_training import registry

GUID = "33333333-3333-3333-3333-333333333333"
IDENTITY = {"clientId": GUID}


def mirrored(**azure: Any) -> dict[str, Any]:
    """Return a registry that names a workspace, with any of its fields changed."""
    said = {
        "subscriptionId": GUID,
        "resourceGroup": "ml-group",
        "workspace": "ml",
        "credential": {"workloadIdentity": IDENTITY},
        **azure,
    }
    body = registry()
    return {**body, "spec": {**body["spec"], "azureML": said}}


# (manifest, words that the refusal must have)
WRONG_AZURE = [
    pytest.param(
        mirrored(subscriptionId="my-subscription"),
        ("spec.azureML.subscriptionId", "must be an id such as"),
        id="a subscription by its name",
    ),
    pytest.param(
        mirrored(resourceGroup="ml-group."),
        ("spec.azureML.resourceGroup", "not ending with a dot"),
        id="a resource group that ends with a dot",
    ),
    pytest.param(
        mirrored(workspace="ml/../other"),
        ("spec.azureML.workspace", "must be letters, digits"),
        id="a workspace that is a path",
    ),
    pytest.param(
        mirrored(workspace="w" * 34),
        ("spec.azureML.workspace", "Too long"),
        id="a workspace name of 34",
    ),
    pytest.param(
        mirrored(credential={}),
        ("spec.azureML.credential", "exactly one of workloadIdentity and secretRef"),
        id="nobody to come as",
    ),
    pytest.param(
        mirrored(credential={"workloadIdentity": IDENTITY, "secretRef": {"name": "principal"}}),
        ("spec.azureML.credential", "exactly one of workloadIdentity and secretRef"),
        id="two to come as",
    ),
    pytest.param(
        mirrored(credential={"workloadIdentity": {"clientId": "mine"}}),
        ("spec.azureML.credential.workloadIdentity.clientId", "must be an id such as"),
        id="an identity by its name",
    ),
    pytest.param(
        mirrored(credential={"secretRef": {"name": "A Secret"}}),
        ("spec.azureML.credential.secretRef.name", "must be the name of an object"),
        id="a secret that is no name",
    ),
    pytest.param(
        mirrored(tags={f"tag-{number}": "x" for number in range(17)}),
        ("spec.azureML.tags", "16"),
        id="17 tags",
    ),
    pytest.param(
        mirrored(proxy={"url": "proxy.example.org:3128"}),
        ("spec.azureML.proxy.url", "must be an address such as http://proxy.example.org:3128"),
        id="a proxy without its scheme",
    ),
    pytest.param(
        mirrored(proxy={"url": "http://me:planted@proxy.example.org:3128"}),
        ("spec.azureML.proxy.url", "without user and password"),
        id="a proxy with a password",
    ),
    pytest.param(
        mirrored(proxy={"url": "http://proxy.example.org:65536"}),
        ("spec.azureML.proxy.url", "must be an address such as"),
        id="a port that there is not",
    ),
    pytest.param(
        mirrored(proxy={"url": "http://proxy:3128", "noProxy": ["*.example.org"]}),
        ("spec.azureML.proxy.noProxy", "without * and port"),
        id="a star where a dot is meant",
    ),
    pytest.param(
        mirrored(caBundle={"configMap": "company", "key": "../root.pem"}),
        ("spec.azureML.caBundle.key", "must be a key"),
        id="a bundle by its path",
    ),
    pytest.param(
        mirrored(caBundle={"key": "ca.crt"}),
        ("spec.azureML.caBundle.configMap", "Required value"),
        id="a bundle of no ConfigMap",
    ),
    pytest.param(
        mirrored(deletionPolicy="Recycle"),
        ("spec.azureML.deletionPolicy", '"Retain"', '"Delete"'),
        id="a policy of deletion that there is not",
    ),
]
