"""One volume for all steps: side by side where it can be, one by one where it cannot."""

from __future__ import annotations

import uuid

import pytest

from cluster_words import a_run, a_step, condition, wait_condition
from demo.kubectl import Kubectl, Manifest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

# Each waits for the other: steps that do not overlap never end.
MEETS = "touch {0}; until test -e {1}; do sleep 0.2; done"
TIMEOUT = {"running": "60s"}
# Each fails where another is at work: steps that overlap do not get through.
ALONE = "mkdir busy || exit 3; sleep 3; rmdir busy"


def shared(kubectl: Kubectl) -> tuple[Manifest, Manifest]:
    """Return a volume that many nodes may have (by its own word) and a claim of it.

    The provisioner of the local node makes none; so it lies in the folder of one that it made.
    """
    kubectl.apply(a_run("maker", a_step("make", "true")))
    wait_condition(kubectl, "trun", "maker", ("Complete", "True"))
    (claim,) = kubectl.items("pvc")
    volume = kubectl.find("pv", claim["spec"]["volumeName"])
    assert volume is not None
    place = {key: volume["spec"][key] for key in ("hostPath", "local") if key in volume["spec"]}
    name = f"shared-{uuid.uuid4().hex[:6]}"
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    spec = {
        **place,
        **common,
        "capacity": {"storage": "64Mi"},
        "nodeAffinity": volume["spec"]["nodeAffinity"],
        "persistentVolumeReclaimPolicy": "Retain",
    }
    asked = {"resources": {"requests": {"storage": "64Mi"}}, "volumeName": name}
    return (
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "shared"},
            "spec": {**common, **asked},
        },
    )


def test_side_by_side_where_the_claim_allows_and_one_by_one_where_not(
    kubectl: Kubectl, request: pytest.FixtureRequest
) -> None:
    volume, claim = shared(kubectl)
    kubectl.apply(volume, claim)
    request.addfinalizer(
        lambda: kubectl.run("delete", "pv", volume["metadata"]["name"], "--wait=false")
    )
    many = [
        a_step("left", MEETS.format("l", "r"), after=[], timeouts=TIMEOUT),
        a_step("right", MEETS.format("r", "l"), after=[], timeouts=TIMEOUT),
    ]
    one = [a_step(name, ALONE, after=[]) for name in ("first", "second", "third")]
    kubectl.apply(
        a_run("together", *many, workspace={"existingClaim": "shared"}), a_run("alone", *one)
    )
    wait_condition(kubectl, "trun", "together", ("Complete", "True"))
    wait_condition(kubectl, "trun", "alone", ("Complete", "True"))


def test_a_class_that_is_missing_is_named_and_its_coming_is_enough(
    kubectl: Kubectl, request: pytest.FixtureRequest
) -> None:
    name = f"class-{uuid.uuid4().hex[:6]}"
    kubectl.apply(
        a_run(
            "early", a_step("train", "true"), workspace={"size": "64Mi", "storageClassName": name}
        )
    )
    run = wait_condition(
        kubectl, "trun", "early", ("Stalled", "True"), reason="StorageClassNotFound"
    )
    assert name in condition(run, "Stalled")["message"]
    (default,) = [sc for sc in kubectl.items("storageclass") if "annotations" in sc["metadata"]]
    fields = ("provisioner", "reclaimPolicy", "volumeBindingMode")
    kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    request.addfinalizer(lambda: kubectl.run("delete", "storageclass", name))
    kubectl.apply({**kind, **{field: default[field] for field in fields}})
    wait_condition(kubectl, "trun", "early", ("Complete", "True"))
