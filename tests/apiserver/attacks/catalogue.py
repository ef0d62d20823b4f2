"""Attacks on what is believed: versions, status, who asked, and whose a child is."""

from __future__ import annotations

from typing import Any

from apiserver.attacks.attack import (
    API,
    JOBS,
    SERVE,
    TRAIN,
    WRITE_VERSIONS,
    Attack,
    Manifest,
    a_deployment,
    a_registry,
    a_run,
    a_version,
    create,
    patch,
)
from apiserver.server import OPERATOR

_VERSION_EXISTS = (create("modelversions", a_version()),)
_ALIASES = patch("modelversions", "diabetes-v1", {"spec": {"aliases": ["production"]}})


def _changed(title: str, change: Manifest, says: str, honest: Manifest | None = None) -> Attack:
    return Attack(
        title=title,
        request=patch("modelversions", "diabetes-v1", change),
        held=WRITE_VERSIONS,
        exists=_VERSION_EXISTS,
        says=says,
        honest_request=patch("modelversions", "diabetes-v1", honest) if honest else _ALIASES,
    )


_OWN_LABEL = {"metadata": {"labels": {"example.com/team": "a"}}}
VERSIONS = (
    Attack(
        title="a forged version",
        request=create("modelversions", a_version()),
        held=WRITE_VERSIONS,
        says="only the operator creates ModelVersions",
        honest_user=OPERATOR,
    ),
    Attack(
        title="a version forged by the account comal-operator of another namespace",
        request=create("modelversions", a_version()),
        user="system:serviceaccount:{namespace}:comal-operator",
        held=WRITE_VERSIONS,
        says="only the operator creates ModelVersions",
        honest_user=OPERATOR,
    ),
    _changed("other bytes", {"spec": {"digest": f"sha256:{'b' * 64}"}}, "immutable"),
    _changed("a better metric", {"spec": {"metrics": {"mse": "1.0"}}}, "immutable"),
    _changed("another registry", {"spec": {"registry": "mine"}}, "immutable"),
    _changed("an added description", {"spec": {"description": "approved"}}, "immutable"),
    _changed(
        "a version lent to another model",
        {"metadata": {"labels": {"comal.dev/model": "payments"}}},
        "of a ModelVersion are the operator's",
        _OWN_LABEL,
    ),
    _changed(
        "a version hidden from its model",
        {"metadata": {"labels": {"comal.dev/model": None}}},
        "of a ModelVersion are the operator's",
        _OWN_LABEL,
    ),
)


def _status(plural: str, made: Manifest, status: Manifest) -> Attack:
    name = made["metadata"]["name"]
    return Attack(
        title=f"a made-up status in {plural}",
        request=patch(plural, f"{name}/status", {"status": status}),
        held=(f"get {plural}.comal.dev", f"patch {plural}.comal.dev/status"),
        exists=(create(plural, made),),
        says=f"only the operator writes the status of {plural}",
        honest_user=OPERATOR,
    )


STATUS = (
    _status("trainingruns", a_run(), {"modelVersion": "diabetes-v1"}),
    _status("modelregistries", a_registry(), {"url": "http://evil.example"}),
    _status("modelversions", a_version(), {"metric": "mse=0"}),
    _status("modeldeployments", a_deployment(), {"weight": "100"}),
)


def _annotated(**annotations: str) -> Manifest:
    return {"annotations": {f"comal.dev/{k.replace('_', '-')}": v for k, v in annotations.items()}}


def _asked(title: str, change: Manifest, honest: Manifest, before: Manifest) -> Attack:
    return Attack(
        title=title,
        request=patch("modeldeployments", "diabetes", {"metadata": change}),
        held=SERVE,
        exists=(
            create("modeldeployments", a_deployment()),
            patch("modeldeployments", "diabetes", {"metadata": before}),
        ),
        says="comal.dev/requested-by] must be your own user name, mallory",
        honest_request=patch("modeldeployments", "diabetes", {"metadata": honest}),
    )


_ADMINS = _annotated(request="pause@r1#1", requested_by="admin")
REQUESTS = (
    Attack(
        title="a run in somebody else's name",
        request=create("trainingruns", a_run(metadata=_annotated(requested_by="alice"))),
        held=TRAIN,
        says="comal.dev/requested-by] must be your own user name, mallory",
        honest_request=create("trainingruns", a_run(metadata=_annotated(requested_by="mallory"))),
    ),
    _asked(
        "an approval in somebody else's name",
        _annotated(request="approve@r2#2", requested_by="alice"),
        _annotated(request="approve@r2#2", requested_by="mallory"),
        {},
    ),
    _asked(
        "a new request under the name of who asked before",
        _annotated(request="approve@r2#2"),
        _annotated(request="approve@r2#2", requested_by="mallory"),
        _ADMINS,
    ),
    _asked(
        "a request ascribed to somebody else afterwards",
        _annotated(requested_by="alice"),
        {"labels": {"team": "a"}},
        _ADMINS,
    ),
    Attack(
        title="a run that poses as the operator's",
        request=create("trainingruns", a_run(metadata={"labels": {
            "app.kubernetes.io/managed-by": "comal-operator"}})),
        held=TRAIN,
        says="managed-by] may be comal-operator only on what the operator makes",
        honest_request=create("trainingruns", a_run(metadata={"labels": {
            "app.kubernetes.io/managed-by": "kustomize"}})),
    ),
    Attack(
        title="a run that poses as a sweep's trial",
        request=create("trainingruns", a_run(metadata={"ownerReferences": [{
            "apiVersion": "comal.dev/v1alpha1", "kind": "TrainingRun", "name": "run",
            "uid": "0c0c", "controller": True}]})),
        held=TRAIN,
        says="metadata.ownerReferences may name a comal.dev object only on what the operator makes",
        honest_request=create("trainingruns", a_run()),
    ),
)  # fmt: skip

_OWNED: dict[str, Any] = {
    "ownerReferences": [
        {"apiVersion": API, "kind": "TrainingRun", "name": "run", "uid": "0c0c", "controller": True}
    ]
}
_LABELLED: dict[str, Any] = {"labels": {"app.kubernetes.io/managed-by": "comal-operator"}}
_CONTAINER = {"name": "collect", "image": "example.com/forged:1"}


def _job(metadata: Manifest) -> Manifest:
    template = {"spec": {"restartPolicy": "Never", "containers": [_CONTAINER]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "run-collect", **metadata},
        "spec": {"suspend": True, "template": template},
    }


def _simple(kind: str, metadata: Manifest) -> Manifest:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "forged", **metadata}}


_PATCH_JOBS = ("get jobs.batch", "patch jobs.batch", JOBS)
_JOB_EXISTS = (create("jobs", _job({}), "batch/v1"),)
CHILDREN = (
    Attack(
        title="a Job that reports for somebody's run",
        request=create("jobs", _job(_OWNED), "batch/v1"),
        held=(JOBS,),
        says="only the operator makes objects owned by a comal.dev object",
        honest_request=create("jobs", _job({}), "batch/v1"),
    ),
    Attack(
        title="a Job with the operator's label",
        request=create("jobs", _job(_LABELLED), "batch/v1"),
        held=(JOBS,),
        says="only the operator makes objects owned by a comal.dev object or labelled",
        honest_request=create("jobs", _job({"labels": {"app": "mine"}}), "batch/v1"),
    ),
    Attack(
        title="a Job made a run's child afterwards",
        request=patch("jobs", "run-collect", {"metadata": _OWNED}, "batch/v1"),
        held=_PATCH_JOBS,
        exists=_JOB_EXISTS,
        says="only the operator makes objects owned by a comal.dev object",
        honest_request=patch(
            "jobs", "run-collect", {"metadata": {"labels": {"app": "mine"}}}, "batch/v1"
        ),
    ),
    Attack(
        title="a Job given the operator's label afterwards",
        request=patch("jobs", "run-collect", {"metadata": _LABELLED}, "batch/v1"),
        held=_PATCH_JOBS,
        exists=_JOB_EXISTS,
        says="managed-by: comal-operator is the operator's",
        honest_request=patch(
            "jobs", "run-collect", {"metadata": {"labels": {"app": "mine"}}}, "batch/v1"
        ),
    ),
    Attack(
        title="a forged login of a registry",
        request=create("secrets", _simple("Secret", _LABELLED), "v1"),
        held=("create secrets",),
        says="only the operator makes objects",
        honest_request=create("secrets", _simple("Secret", {}), "v1"),
    ),
    Attack(
        title="a forged configuration of a step",
        request=create("configmaps", _simple("ConfigMap", _OWNED), "v1"),
        held=("create configmaps",),
        says="only the operator makes objects",
        honest_user=OPERATOR,
    ),
)

CATALOGUE = (*VERSIONS, *STATUS, *REQUESTS, *CHILDREN)
