"""Jobs on the node record models in Azure ML: as the account they are, by the only way out.

Azure is the bed (tests/fake_azure) under its hosts' own names; that the tokens are the cluster's
own is asked of the cluster.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from azure_in_cluster import BUNDLE, PROXY, Accounts, azure_beside, skip_elsewhere
from callers import Callers, bearer
from cluster_words import API, a_deployment, a_run, a_step, condition, key_of, wait_condition
from demo.kubectl import Kubectl, Manifest
from fake_azure import entra, insights
from fake_azure.bed import CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION, Bed
from fake_azure.journal import Fault
from fake_azure.storage import KEY
from planted import found_in, read_secret
from router.certificates import certificate
from somebody_elses import register
from table_model import GOOD

PULL_PASSWORD = "planted-password-of-a-registry"
INSIGHTS_KEY = "66666666-6666-4666-8666-666666666666"
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def _image(images: dict[str, str], cluster: Kubectl) -> None:
    skip_elsewhere(images)
    there = cluster.within("comal-system").items("configmaps")
    told = [one["data"].get("COMAL_AZURE_IMAGE") for one in there if "data" in one]
    if images.get("azure") not in told:
        pytest.fail("the operator is not told of the image that calls Azure: run `make install`")


def a_registry(name: str = "default", **azure: Any) -> Manifest:
    said = {
        "subscriptionId": SUBSCRIPTION,
        "resourceGroup": "ml-group",
        "workspace": "ml",
        "tags": {"team": "clinic"},
        "credential": {"workloadIdentity": {"clientId": CLIENT_ID}},
        "deletionPolicy": "Delete",
        "proxy": {"url": PROXY},
        "caBundle": {"configMap": BUNDLE, "key": "root.pem"},
        **azure,
    }
    spec = {"store": {"embedded": {"size": "256Mi"}}, "azureML": said}
    return {"apiVersion": API, "kind": "ModelRegistry", "metadata": {"name": name}, "spec": spec}


def a_training(name: str) -> Manifest:
    env = [{"name": "TOKEN", "secretKeyRef": {"name": "planted", "key": "token"}}]
    steps = [a_step(step, args=["diabetes", step], env=env) for step in ("train", "evaluate")]
    source = {"revision": "4be1c0d", "buildId": "20261121.3"}
    return a_run(
        name,
        *steps,
        parameters={"alpha": "0.4"},
        source=source,
        serviceAccountName="steps",
        notify=[{"webhook": {"secretRef": {"name": "planted"}}}],
        register={"model": "diabetes", "tags": {"area": "sugar"}},
    )


def a_secret(name: str, **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def a_pull_secret() -> Manifest:
    auths = {"registry.example.org": {"username": "puller", "password": PULL_PASSWORD}}
    return {
        **a_secret("pull", **{".dockerconfigjson": json.dumps({"auths": auths})}),
        "type": "kubernetes.io/dockerconfigjson",
    }


def an_account() -> Manifest:
    kind = {"apiVersion": "v1", "kind": "ServiceAccount"}
    return {**kind, "metadata": {"name": "steps"}, "imagePullSecrets": [{"name": "pull"}]}


def a_principal(client_secret: str) -> Manifest:
    said = {"clientId": CLIENT_ID, "clientSecret": client_secret, "tenantId": entra.TENANT}
    return a_secret("principal", AZURE_CREDENTIALS=json.dumps(said))


def a_connection_string(text: str = "") -> Manifest:
    good = f"InstrumentationKey={INSIGHTS_KEY};IngestionEndpoint=https://{insights.HOST}/"
    return a_secret("insights", connectionString=text or good)


def an_import(tls: str) -> Manifest:
    token = {"name": "TOKEN", "secretKeyRef": {"name": "planted", "key": "scorer"}}
    monitor = {
        "connectionString": {"name": "insights", "key": "connectionString"},
        "proxy": {"url": PROXY},
        "caBundle": {"configMap": BUNDLE, "key": "root.pem"},
    }
    return a_deployment(
        "theirs",
        model={"name": "sugar", "uri": "azureml:Sugar_Net@latest"},
        predictor={"env": [token]},
        access={"tls": {"secretName": tls}},
        # Traced is who asks for it, so that every span that comes is of the one call.
        telemetry={"azureMonitor": monitor, "sample": "0"},
    )


def test_a_version_is_recorded_through_a_companys_proxy(
    kubectl: Kubectl, cluster: Kubectl, images: dict[str, str], tmp_path: Path
) -> None:
    subject = f"system:serviceaccount:{kubectl.namespace}:comal-registry-default-azure"
    hook = f"http://nobody.{kubectl.namespace}.svc/planted-path-of-a-webhook"
    planted = {"token": "planted-token-of-a-step", "scorer": "planted-token-of-a-scorer"}
    kubectl.apply(a_secret("planted", url=hook, **planted), a_pull_secret(), an_account())
    kubectl.apply(a_principal("planted-wrong-client-secret"))
    kubectl.apply(a_connection_string("planted-wrong-connection-string"))
    host = f"theirs.{kubectl.namespace}.svc"
    made = certificate(tmp_path, host)
    kubectl.apply({**a_secret("cert", **made), "type": "kubernetes.io/tls"})
    with azure_beside(kubectl) as (bed, accounts):
        client = bed.directory.clients[CLIENT_ID]
        client.subjects = {subject.replace(kubectl.namespace, "another-team")}
        by_secret = a_registry("other", credential={"secretRef": {"name": "principal"}})
        kubectl.apply(a_registry(), by_secret, a_training("recorded"), an_import("cert"))
        register(bed, tmp_path / "theirs", "Sugar_Net", "7")
        bed.workspace.signature = bed.signature(lifetime=timedelta(hours=1))
        withheld = Fault(path="/models/Sugar_Net", status=403, times=1000)
        bed.journal.order(withheld)

        # The token is good, and of an account that nobody made a credential for.
        found = wait_condition(
            kubectl, "mreg", "default", ("AzureAuthorized", "False"), reason="AzureAuthFailed"
        )
        assert subject in condition(found, "AzureAuthorized")["message"]
        assert accounts.shown
        wait_condition(
            kubectl, "mreg", "other", ("AzureAuthorized", "False"), reason="AzureAuthFailed"
        )

        wrong = ("SpansSent", "False")
        wait_condition(kubectl, "mdep", "theirs", wrong, reason="ConnectionStringInvalid")
        kubectl.apply(a_connection_string())
        kubectl.apply(a_principal(CLIENT_SECRET))
        client.subjects = {subject}
        not_yet = Fault(path="/models/diabetes/versions/1$", method="PUT", status=403, times=1000)
        bed.journal.order(not_yet)
        wait_condition(kubectl, "mreg", "other", ("AzureAuthorized", "True"))
        wait_condition(kubectl, "mreg", "default", ("WorkspaceFound", "True"))
        wait_condition(
            kubectl, "mdep", "theirs", ("ModelResolved", "False"), reason="AzureForbidden"
        )
        withheld.times = 0
        wait_condition(kubectl, "trun", "recorded", ("Complete", "True"), seconds=300)

        # The model is there and served whatever Azure says of it.
        refused = wait_condition(
            kubectl, "mver", "diabetes-v1", ("Mirrored", "False"), reason="AzureForbidden"
        )
        assert subject in condition(refused, "Mirrored")["message"]
        assert condition(refused, "Ready")["status"] == "True"

        not_yet.times = 0
        version = wait_condition(kubectl, "mver", "diabetes-v1", ("Mirrored", "True"), seconds=300)
        proves_the_record(kubectl, bed, version)
        proves_the_import(kubectl, images["scorer"], made["tls.crt"])
        proves_the_trace(kubectl, bed)
        assert bed.journal.refused == []
        secrets = {
            **planted_by(kubectl, bed, accounts),
            "a key of a certificate": made["tls.key"].splitlines()[1],
            "a shared access signature": bed.workspace.signature.rpartition("sig=")[2],
        }
        assert len(secrets) > 20
        assert found_in(kubectl, cluster, secrets) == []

        kubectl.run("delete", "mver", "diabetes-v1", "--wait=false")
        wait_condition(kubectl, "mreg", "default", ("RecordsDeleted", "True"))
        assert bed.workspace.versions("models", "diabetes") == {}


def planted_by(kubectl: Kubectl, bed: Bed, accounts: Accounts) -> dict[str, str]:
    """Return every secret that had a part in the story, by what it is."""
    logins = {
        f"{key} of registry {name}": text
        for name in ("default", "other")
        for key, text in read_secret(kubectl, f"comal-registry-{name}-login").items()
        if key != "username"
    }
    endpoint = kubectl.find("mdep", "theirs") or {}
    keys = {
        f"the {slot} key of an endpoint": key_of(kubectl, endpoint, slot)
        for slot in ("primary", "secondary")
    }
    return {
        "a wrong client secret": "planted-wrong-client-secret",
        "a wrong connection string": "planted-wrong-connection-string",
        "the instrumentation key": INSIGHTS_KEY,
        "the client secret": CLIENT_SECRET,
        "the JSON of a principal": read_secret(kubectl, "principal")["AZURE_CREDENTIALS"],
        "a webhook's path": "planted-path-of-a-webhook",
        "a step's secret": "planted-token-of-a-step",
        "a scorer's secret": "planted-token-of-a-scorer",
        "a password to pull images with": PULL_PASSWORD,
        "the storage account's key": KEY,
        **logins,
        **keys,
        **{f"projected token {n}": token for n, token in enumerate(accounts.shown)},
        **{f"access token {n}": token for n, token in enumerate(bed.directory.issued)},
    }


def proves_the_record(kubectl: Kubectl, bed: Bed, version: Manifest) -> None:
    """Assert that what stands in the workspace is the version, with where it came from."""
    [(number, body)] = bed.workspace.versions("models", "diabetes").items()
    tags = body["properties"]["tags"]
    spec, run = version["spec"], kubectl.find("trun", "recorded") or {}
    registry = kubectl.find("mreg", "default") or {}
    wanted = {
        "alpha": "0.4",
        "area": "sugar",
        "team": "clinic",
        "comal.model-version": f"{kubectl.namespace}/diabetes-v1",
        "comal.digest": spec["digest"],
        "comal.registry-id": registry["metadata"]["uid"],
        "comal.run": "recorded",
        "comal.run-id": run["metadata"]["uid"],
        "comal.revision": "4be1c0d",
        "comal.build-id": "20261121.3",
    }
    assert (number, wanted.items() <= tags.items()) == ("1", True), tags
    images = {one["step"]: one["image"] for one in spec["lineage"]["images"]}
    assert {key: tags[f"comal.image.{key}"] for key in images} == images
    _, _, folder = body["properties"]["modelUri"].partition("/paths/")
    # The manifest that names every file of the package, by its digest.
    assert f"{folder}/model.yaml" in bed.blobs(folder)


def proves_the_import(kubectl: Kubectl, image: str, trusted: str) -> None:
    """Assert that what somebody else registered was brought once, and answers those with a key."""
    endpoint = wait_condition(kubectl, "mdep", "theirs", ("Ready", "True"), seconds=240)
    # The Secret that was corrected is noticed as the kubelet looks at it anew.
    wait_condition(kubectl, "mdep", "theirs", ("SpansSent", "True"), reason="Sending")
    version = kubectl.find("mver", "sugar-v1") or {}
    assert version["spec"]["lineage"]["imported"]["uri"] == "azureml:Sugar_Net:7"
    callers = Callers(kubectl, image, endpoint["status"]["url"], GOOD)
    known = {**bearer(key_of(kubectl, endpoint)), "traceparent": f"00-{TRACE}-{CALLER}-01"}
    stranger, answered = callers.call(bearer("x" * 43), known, trusted=trusted)
    assert (stranger.status, answered.status, answered.version) == (401, 200, "1")
    assert json.loads(answered.body)["result"] == [0.0], answered.body


def proves_the_trace(kubectl: Kubectl, bed: Bed) -> None:
    """Assert that the one call is one operation, from its caller through router and scorer."""
    until = time.monotonic() + 120
    while len(bed.envelopes) < 3:
        assert time.monotonic() < until, bed.envelopes
        time.sleep(0.5)
    rows = {(one["tags"]["ai.cloud.role"], one["data"]["baseType"]): one for one in bed.envelopes}
    space = kubectl.namespace
    whole = rows[f"{space}.theirs-router", "RequestData"]
    tried = rows[f"{space}.theirs-router", "RemoteDependencyData"]
    scored = rows[f"{space}.theirs-scorer", "RequestData"]
    assert {one["iKey"] for one in bed.envelopes} == {INSIGHTS_KEY}
    assert {one["tags"]["ai.operation.id"] for one in bed.envelopes} == {TRACE}
    parents = [one["tags"]["ai.operation.parentId"] for one in (whole, tried, scored)]
    assert parents == [CALLER, whole["data"]["baseData"]["id"], tried["data"]["baseData"]["id"]]
    # By the operation's id the portal finds the line of the log, and the other way round.
    [line] = [
        one
        for pod in kubectl.items("pods", "-l", "app.kubernetes.io/component=scorer")
        for one in kubectl.run("logs", pod["metadata"]["name"], "-c", "scorer").splitlines()
        if f"00-{TRACE}-" in one
    ]
    assert json.loads(line)["traceparent"].split("-")[2] == tried["data"]["baseData"]["id"]
