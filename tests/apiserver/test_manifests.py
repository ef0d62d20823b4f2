"""What the API server takes and what it refuses: our CRDs, on a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from apiserver.server import Client
from apiserver.wrong_azure import WRONG_AZURE
from apiserver.wrong_rollout import WRONG_ROLLOUT
from apiserver.wrong_running import WRONG_RUNNING, WRONG_RUNNING_CHANGES
from apiserver.wrong_serving import WRONG_SERVING
from apiserver.wrong_steps import WRONG_STEPS
from apiserver.wrong_store import WRONG_STORE, WRONG_STORE_CHANGES
from apiserver.wrong_training import BIG, WRONG_CHANGES, WRONG_TRAINING, registry, version
from comal_operator.api.kinds import KINDS

pytestmark = pytest.mark.apiserver

REPOSITORY = Path(__file__).resolve().parents[2]
PLURALS = {kind.name: kind.plural for kind in KINDS}
SAMPLES = [
    pytest.param(body, id=f"{file.parent.name}/{body['metadata']['name']}")
    for file in sorted((REPOSITORY / "manifests" / "samples").rglob("*.yaml"))
    for body in yaml.safe_load_all(file.read_text())
    if body and body.get("kind") in PLURALS
]


def path(namespace: str, body: dict[str, Any]) -> str:
    return f"/apis/comal.dev/v1alpha1/namespaces/{namespace}/{PLURALS[body['kind']]}"


def refusal(answer: dict[str, Any]) -> str:
    assert answer.get("reason") in ("Invalid", "BadRequest"), answer
    return str(answer["message"])


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        *WRONG_TRAINING,
        *WRONG_RUNNING,
        *WRONG_STEPS,
        *WRONG_SERVING,
        *WRONG_ROLLOUT,
        *WRONG_AZURE,
        *WRONG_STORE,
    ],
)
def test_a_wrong_manifest_is_refused_with_field_and_remedy(
    admin: Client, namespace: str, manifest: dict[str, Any], words: tuple[str, ...]
) -> None:
    status, answer = admin.call("POST", path(namespace, manifest), manifest)
    assert status in (400, 422), answer

    told = refusal(answer)
    assert [word for word in words if word not in told] == [], told


@pytest.mark.parametrize(
    ("manifest", "change", "words"), [*WRONG_CHANGES, *WRONG_RUNNING_CHANGES, *WRONG_STORE_CHANGES]
)
def test_a_wrong_change_is_refused_with_field_and_remedy(
    admin: Client,
    namespace: str,
    manifest: dict[str, Any],
    change: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    where = path(namespace, manifest)
    made = admin.post(where, manifest)
    newer = {**change, "metadata": made["metadata"]}
    status, answer = admin.call("PUT", f"{where}/{made['metadata']['name']}", newer)
    assert status == 422, answer

    told = refusal(answer)
    assert [word for word in words if word not in told] == [], told


@pytest.mark.parametrize("manifest", SAMPLES)
def test_a_sample_is_taken_as_it_stands(
    admin: Client, namespace: str, manifest: dict[str, Any]
) -> None:
    strict = {"fieldValidation": "Strict"}
    status, answer = admin.call("POST", path(namespace, manifest), manifest, **strict)
    assert status == 201, answer
    # kstatus takes what has no observedGeneration for current.
    assert answer["status"]["observedGeneration"] == -1


def test_a_registry_may_grow(admin: Client, namespace: str) -> None:
    made = admin.post(path(namespace, BIG), BIG)
    larger = {**registry(size="20Gi", storageClassName="fast"), "metadata": made["metadata"]}
    status, answer = admin.call("PUT", f"{path(namespace, BIG)}/default", larger)
    assert status == 200, answer


def test_aliases_of_a_version_may_move(admin: Client, namespace: str) -> None:
    where = path(namespace, version())
    admin.post(where, version())
    moved = admin.merge(f"{where}/diabetes-v1", {"spec": {"aliases": ["production"]}})
    assert moved["spec"]["aliases"] == ["production"]


def test_an_unknown_field_is_named(admin: Client, namespace: str) -> None:
    body = registry()
    body["spec"]["mlflow"] = {}
    status, answer = admin.call("POST", path(namespace, body), body, fieldValidation="Strict")
    assert status == 400
    assert 'unknown field "spec.mlflow"' in answer["message"]
