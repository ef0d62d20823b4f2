"""Models of a namespace lie in an Azure Container Registry: one account goes there, nobody else.

Azure is the bed (tests/fake_azure) under its hosts' own names; whose token it is shown is asked of
the cluster.
"""

from __future__ import annotations

import json

import pytest

from azure_in_cluster import BUNDLE, PROXY, azure_beside, skip_elsewhere
from cluster_words import API, a_deployment, a_run, a_step, condition, score, wait_condition
from demo.kubectl import Kubectl, Manifest
from fake_azure import container_registry
from fake_azure.bed import CLIENT_ID

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

ROW = json.dumps({"data": [[0.03, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, -0.002, 0.02, -0.02]]})
PLACE = f"{container_registry.HOST}/models/of-the-clinic"


@pytest.fixture(autouse=True)
def _image(images: dict[str, str]) -> None:
    skip_elsewhere(images)


def a_registry() -> Manifest:
    oci = {
        "repository": PLACE,
        "credential": {"workloadIdentity": {"clientId": CLIENT_ID}},
        "proxy": {"url": PROXY},
        "caBundle": {"configMap": BUNDLE, "key": "root.pem"},
    }
    spec = {"store": {"oci": oci}}
    return {
        "apiVersion": API,
        "kind": "ModelRegistry",
        "metadata": {"name": "default"},
        "spec": spec,
    }


def test_models_are_pushed_and_served_as_one_identity(
    kubectl: Kubectl, images: dict[str, str]
) -> None:
    subject = f"system:serviceaccount:{kubectl.namespace}:comal-registry-default-azure"
    steps = [a_step(step, args=["diabetes", step]) for step in ("train", "evaluate")]
    with azure_beside(kubectl) as (bed, accounts):
        client = bed.directory.clients[CLIENT_ID]
        client.subjects = {subject.replace(kubectl.namespace, "another-team")}
        run = a_run("elsewhere", *steps, register={"model": "diabetes"})
        kubectl.apply(a_registry(), run)
        refused = wait_condition(
            kubectl, "mreg", "default", ("StoreReached", "False"), reason="AzureAuthFailed"
        )
        assert subject in condition(refused, "StoreReached")["message"]

        client.subjects = {subject}
        wait_condition(kubectl, "mreg", "default", ("Ready", "True"), seconds=300)
        wait_condition(kubectl, "trun", "elsewhere", ("Complete", "True"), seconds=300)
        kubectl.apply(a_deployment("diabetes", model={"name": "diabetes", "version": "1"}))
        served = wait_condition(kubectl, "mdep", "diabetes", ("Ready", "True"), seconds=300)
        status, answer = score(kubectl, images["scorer"], served["status"]["url"], ROW)
        assert status == 200, answer

        pushed = {one.path for one in bed.journal.calls("/manifests/run-", "PUT")}
        assert {path.rpartition("/manifests/")[0] for path in pushed} == {
            "/v2/models/of-the-clinic/diabetes"
        }
        assert bed.journal.calls("/blobs/", "GET", container_registry.DATA_HOST)
        assert bed.journal.refused == []
        # Whoever runs a model or a training has neither the account nor a token.
        for pod in kubectl.items("pods"):
            account = pod["spec"]["serviceAccountName"]
            if account != "comal-registry-default-azure":
                assert "azure" not in json.dumps(pod["spec"]), pod["metadata"]["name"]
            else:
                assert pod["spec"]["containers"][0]["name"] == "gateway"
        assert accounts.shown
