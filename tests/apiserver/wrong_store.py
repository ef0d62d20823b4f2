"""Registries elsewhere that the API server must refuse."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.wrong_azure import GUID
from apiserver.wrong_training import registry

IDENTITY = {"workloadIdentity": {"clientId": GUID}}


def elsewhere(**oci: Any) -> dict[str, Any]:
    """Return a registry whose models lie in one of Azure's, with any of its fields changed."""
    said = {"repository": "comal.azurecr.io/models", "credential": IDENTITY, **oci}
    return {**registry(), "spec": {"store": {"oci": said}}}


# (manifest, words that the refusal must have)
WRONG_STORE = [
    pytest.param(
        {**registry(), "spec": {"store": {}}},
        ("spec.store", "exactly one of embedded and oci"),
        id="a registry without a store",
    ),
    pytest.param(
        {**elsewhere(), "spec": {"store": {**elsewhere()["spec"]["store"], "embedded": {}}}},
        ("spec.store", "exactly one of embedded and oci"),
        id="a registry of two stores",
    ),
    pytest.param(
        elsewhere(repository="comal.azurecr.io"),
        ("spec.store.oci.repository", "a host and a path"),
        id="a host alone",
    ),
    pytest.param(
        elsewhere(repository="https://comal.azurecr.io/models"),
        ("spec.store.oci.repository", "a host and a path"),
        id="an address",
    ),
    pytest.param(
        elsewhere(repository="comal.azurecr.io/models:latest"),
        ("spec.store.oci.repository", "a host and a path"),
        id="a repository with a tag",
    ),
    pytest.param(
        elsewhere(credential={}),
        ("spec.store.oci.credential", "exactly one of workloadIdentity, secretRef and login"),
        id="a credential of nobody",
    ),
    pytest.param(
        elsewhere(credential={**IDENTITY, "loginSecretRef": {"name": "token"}}),
        ("spec.store.oci.credential", "exactly one of workloadIdentity, secretRef and login"),
        id="two credentials",
    ),
    pytest.param(
        elsewhere(repository="ghcr.io/clinic/models"),
        ("spec.store.oci", "give loginSecretRef"),
        id="an identity of Azure's elsewhere",
    ),
    pytest.param(
        elsewhere(credential={"loginSecretRef": {"name": "A Secret"}}),
        ("spec.store.oci.credential.loginSecretRef.name", "must be the name of an object"),
        id="a login that is no name",
    ),
    pytest.param(
        elsewhere(proxy={"url": "http://me:planted@proxy.example.org:3128"}),
        ("spec.store.oci.proxy.url", "without user and password"),
        id="a registry's proxy with a password",
    ),
]

# (manifest, what it is changed to, words that the refusal must have)
WRONG_STORE_CHANGES = [
    pytest.param(
        elsewhere(),
        elsewhere(repository="comal.azurecr.io/others"),
        ("spec.store.oci", "repository cannot change"),
        id="a repository elsewhere",
    ),
    pytest.param(
        registry(), elsewhere(), ("spec.store", "store cannot change"), id="a registry that moves"
    ),
]
