"""The kustomization that puts locally built images into manifests/overlays/local."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.commands import ClusterError

DEFAULT_NAMESPACE = "comal-system"
OPERATOR = "operator"
# What the operator runs, and the variable by which it is told.
VARIABLES = {
    "trainer": "COMAL_TRAINER_IMAGE",
    "scorer": "COMAL_SCORER_IMAGE",
    "router": "COMAL_ROUTER_IMAGE",
    "registry": "COMAL_REGISTRY_IMAGE",
}
# Built by name only, so it may be missing.
OPTIONAL = {
    "azure": "COMAL_AZURE_IMAGE",
    "scorer-tensorflow": "COMAL_SCORER_TENSORFLOW_IMAGE",
}
# As manifests/base calls it, once its own `images` has been applied.
_PUBLISHED = "ghcr.io/comal-dev/comal-operator"
_ACCOUNT_POLICIES = (
    "comal-children",
    "comal-metadata",
    "comal-modeldeployments",
    "comal-modelregistries",
    "comal-modelversions",
    "comal-trainingruns",
)


def read_images(file: Path) -> dict[str, str]:
    """Return the images by target. Raises ClusterError naming the target that has none."""
    try:
        images = json.loads(file.read_text())
    except FileNotFoundError:
        raise ClusterError(f"no images are built ({file} is missing): run `make images`") from None
    except ValueError as error:
        raise ClusterError(f"{file} is not JSON ({error}): run `make images` again") from None
    for target in (OPERATOR, *VARIABLES):
        image = images.get(target) if isinstance(images, dict) else None
        if not isinstance(image, str) or ":" not in image.rpartition("/")[2]:
            raise ClusterError(
                f"{file} names no image with a tag for {target}: run `make images` again"
            )
    known = (OPERATOR, *VARIABLES, *OPTIONAL)
    return {target: str(images[target]) for target in known if target in images}


def overlay(images: Mapping[str, str], namespace: str) -> dict[str, Any]:
    """Return the kustomization; without images it has the published ones (enough for deleting)."""
    made: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["../../manifests/overlays/local"],
    }
    if namespace != DEFAULT_NAMESPACE:
        made |= {"namespace": namespace, "replacements": _exempt_account()}
    if images:
        name, _, tag = images[OPERATOR].rpartition(":")
        made["images"] = [{"name": _PUBLISHED, "newName": name, "newTag": tag}]
        made["configMapGenerator"] = [
            {
                "name": "comal-images",
                # As the base has it: kustomize merges before it moves to another namespace.
                "namespace": DEFAULT_NAMESPACE,
                "behavior": "merge",
                "literals": [
                    *(f"{name}={images[target]}" for target, name in VARIABLES.items()),
                    # The published one is not in a local cluster.
                    *(f"{name}={images.get(target, '')}" for target, name in OPTIONAL.items()),
                ],
            }
        ]
    return made


def write(folder: Path, kustomization: Mapping[str, Any]) -> None:
    """Write it; JSON is YAML, and needs no package."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=2) + "\n")


def _exempt_account() -> list[dict[str, Any]]:
    """Make the policies exempt the operator's account where it is: …:<namespace>:comal-operator."""
    policies = [
        _target(name, "spec.matchConditions.[name=not-the-operator].expression")
        for name in _ACCOUNT_POLICIES
    ]
    status = _target("comal-status", "spec.validations.0.expression")
    source = {"kind": "Deployment", "name": "comal-operator", "fieldPath": "metadata.namespace"}
    return [{"source": source, "targets": [*policies, status]}]


def _target(name: str, path: str) -> dict[str, Any]:
    return {
        "select": {"kind": "ValidatingAdmissionPolicy", "name": name},
        "fieldPaths": [path],
        "options": {"delimiter": ":", "index": 2},
    }
