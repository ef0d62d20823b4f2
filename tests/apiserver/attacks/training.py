"""Attacks by TrainingRun: work done for those who may not do it, and things read for them."""

from __future__ import annotations

from typing import Any

from apiserver.attacks.attack import (
    APPLY,
    CLAIMS,
    CONFIG_MAPS,
    JOBS,
    PODS,
    TRAIN,
    WRITE_RUNS,
    Attack,
    Request,
    a_run,
    a_step,
    config,
    create,
    patch,
    secret,
)

_EIGHT = tuple(secret(f"secret-{i}", f"TOKEN_{i}") for i in range(8))
_READ_EIGHT = tuple(f"get secrets:secret-{i}" for i in range(8))
_CLAIM = {"workspace": {"existingClaim": "disk"}}
_RUN_PATH = "/apis/comal.dev/v1alpha1/namespaces/{namespace}/trainingruns/run"


def _without(right: str) -> tuple[str, ...]:
    return tuple(held for held in TRAIN if held != right)


def _making(what: str, right: str) -> Attack:
    return Attack(
        title=f"a run by someone who may not create {what}",
        request=create("trainingruns", a_run()),
        held=_without(right),
        says=f"you (mallory) may not create {what} in namespace",
        honest_rights=(right,),
    )


def _reading(title: str, run: Any, what: str, *, held: tuple[str, ...] = ()) -> Attack:
    kind, _, name = what.partition("/")
    return Attack(
        title=title,
        request=create("trainingruns", run),
        held=(*TRAIN, *held),
        says=f"you (mallory) may not get {what} in namespace",
        honest_rights=(f"get {kind}:{name}",),
    )


MAKING = (
    _making("jobs", JOBS),
    _making("pods", PODS),
    _making("configmaps", CONFIG_MAPS),
    _making("persistentvolumeclaims", CLAIMS),
    Attack(
        title="a run by server-side apply instead of create",
        request=Request("PATCH", _RUN_PATH, a_run(), APPLY),
        held=_without(JOBS),
        says="you (mallory) may not create jobs",
        honest_rights=(JOBS,),
    ),
    Attack(
        title="a run where the right to create jobs is held next door",
        request=create("trainingruns", a_run()),
        held=_without(JOBS),
        elsewhere=TRAIN,
        says="you (mallory) may not create jobs in namespace {namespace}",
        honest_rights=(JOBS,),
    ),
    Attack(
        title="a run by the service account comal-operator of another namespace",
        request=create("trainingruns", a_run()),
        user="system:serviceaccount:{namespace}:comal-operator",
        held=WRITE_RUNS,
        says="may not create jobs",
        honest_rights=TRAIN,
    ),
)

READING = (
    _reading("a key of a Secret", a_run(a_step(secret("hook"))), "secrets/hook"),
    _reading("a key of a ConfigMap", a_run(a_step(config("site"))), "configmaps/site"),
    _reading(
        "a Secret in the last variable of the second step",
        a_run({"name": "prepare"}, a_step({"name": "A", "value": "1"}, secret("hook"))),
        "secrets/hook",
    ),
    _reading(
        "a second Secret beside a readable one",
        a_run(a_step(secret("mine", "A"), secret("mine", "B"), secret("hook", "C"))),
        "secrets/hook",
        held=("get secrets:mine",),
    ),
    _reading(
        "a Secret by one who may read another",
        a_run(a_step(secret("hook"))),
        "secrets/hook",
        held=("get secrets:mine",),
    ),
    _reading(
        "a Secret by one who may only list and watch them",
        a_run(a_step(secret("hook"))),
        "secrets/hook",
        held=("list secrets", "watch secrets"),
    ),
    _reading(
        "a webhook's address in somebody else's Secret",
        a_run(
            a_step(secret("mine")),
            notify=[{"webhook": {"secretRef": {"name": name}}} for name in ("mine", "hook")],
        ),
        "secrets/hook",
        held=("get secrets:mine",),
    ),
    _reading(
        "the eighth of eight Secrets",
        a_run(a_step(*_EIGHT)),
        "secrets/secret-7",
        held=_READ_EIGHT[:7],
    ),
    _reading(
        "the claim of somebody else",
        a_run(workspace={"existingClaim": "disk"}),
        "persistentvolumeclaims/disk",
    ),
    Attack(
        title="data from the claim of somebody else",
        request=create("trainingruns", a_run(data=[{"name": "a", "uri": "pvc://disk/x.csv"}])),
        held=(*TRAIN, "get persistentvolumeclaims:mine"),
        says="which spec.data with pvc:// would read for you",
        honest_request=create("trainingruns", a_run(data=[{"name": "a", "uri": "https://x/y"}])),
    ),
    Attack(
        title="a ninth Secret, where the checks end",
        request=create("trainingruns", a_run(a_step(*_EIGHT, secret("ninth", "NINTH")))),
        held=(*TRAIN, *_READ_EIGHT, "get secrets:ninth"),
        says="more than 8 different Secrets",
        honest_request=create("trainingruns", a_run(a_step(*_EIGHT))),
    ),
    Attack(
        title="the claim of another namespace",
        request=create("trainingruns", a_run(workspace={"existingClaim": "{neighbour}/disk"})),
        held=(*TRAIN, "get persistentvolumeclaims"),
        says="must be the name of an object",
        honest_request=create("trainingruns", a_run(**_CLAIM)),
    ),
    Attack(
        title="a Secret of another namespace by a path",
        request=create("trainingruns", a_run(a_step(secret("../../{neighbour}/secrets/hook")))),
        held=(*TRAIN, "get secrets"),
        says="must be the name of an object",
        honest_request=create("trainingruns", a_run(a_step(secret("hook")))),
    ),
    Attack(
        title="two Secrets in one name, of which the check would see neither",
        request=create("trainingruns", a_run(a_step(secret("mine hook")))),
        held=(*TRAIN, "get secrets:mine", "get secrets:hook"),
        says="must be the name of an object",
        honest_request=create("trainingruns", a_run(a_step(secret("hook")))),
    ),
    Attack(
        title="a Secret put into a run that was accepted without it",
        request=patch("trainingruns", "run", {"spec": a_run(a_step(secret("hook")))["spec"]}),
        held=TRAIN,
        exists=(create("trainingruns", a_run()),),
        says="immutable",
        honest_request=patch("trainingruns", "run", {"metadata": {"labels": {"team": "a"}}}),
    ),
)

ACCOUNTS = (
    Attack(
        title="the ladder: a run under a stronger service account",
        request=create("trainingruns", a_run(serviceAccountName="deployer")),
        held=TRAIN,
        says="you (mallory) may not use serviceaccounts/deployer",
        honest_rights=("use serviceaccounts:deployer",),
    ),
    Attack(
        title="the ladder by one who may impersonate another account",
        request=create("trainingruns", a_run(serviceAccountName="deployer")),
        held=(*TRAIN, "impersonate serviceaccounts:training"),
        says="you (mallory) may not use serviceaccounts/deployer",
        honest_rights=("impersonate serviceaccounts:deployer",),
    ),
    Attack(
        title="a run under the operator's own account",
        request=create("trainingruns", a_run(serviceAccountName="comal-operator")),
        held=(*TRAIN, "impersonate serviceaccounts"),
        says="spec.serviceAccountName must not be comal-operator",
        honest_request=create("trainingruns", a_run(serviceAccountName="training")),
    ),
)


def _smuggled(title: str, where: str, run: Any) -> Attack:
    return Attack(
        title=title,
        request=create("trainingruns", run),
        held=TRAIN,
        says=f'unknown field "{where}"',
        honest_request=create("trainingruns", a_run()),
        drops=(where,),
    )


SMUGGLED = (
    _smuggled(
        "a privileged step",
        "spec.steps[0].securityContext",
        a_run(a_step(securityContext={"privileged": True})),
    ),
    _smuggled(
        "a folder of the node",
        "spec.steps[0].volumes",
        a_run(a_step(volumes=[{"name": "root", "hostPath": {"path": "/"}}])),
    ),
    _smuggled(
        "the token of a projected volume",
        "spec.steps[0].volumeMounts",
        a_run(a_step(volumeMounts=[{"name": "token", "mountPath": "/var/run/secrets"}])),
    ),
    _smuggled(
        "a whole Pod template",
        "spec.template",
        a_run(template={"spec": {"hostPID": True}}),
    ),
    _smuggled(
        "a patch of the Pod",
        "spec.steps[0].podSpecPatch",
        a_run(a_step(podSpecPatch="hostNetwork: true")),
    ),
    _smuggled("the node's network", "spec.hostNetwork", a_run(hostNetwork=True)),
    _smuggled(
        "labels that a foreign Service selects",
        "spec.steps[0].labels",
        a_run(a_step(labels={"app": "payments"})),
    ),
    _smuggled(
        "all keys of a Secret at once",
        "spec.steps[0].envFrom",
        a_run(a_step(envFrom=[{"secretRef": {"name": "hook"}}])),
    ),
    _smuggled(
        "a mounted account token",
        "spec.automountServiceAccountToken",
        a_run(automountServiceAccountToken=True),
    ),
    _smuggled("a Pod in another namespace", "spec.namespace", a_run(namespace="kube-system")),
)

TRAINING = (*MAKING, *READING, *ACCOUNTS, *SMUGGLED)
