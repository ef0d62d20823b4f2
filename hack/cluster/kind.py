"""A cluster in Docker or Podman by kind."""

import json
from pathlib import Path

from cluster.commands import attempt, run, say
from cluster.kubectl import kubectl
from cluster.node.config import audit_policy
from cluster.paths import Places

NAME = "comal"
NODE_IMAGE = "kindest/node:v1.34.0"
_AUDIT_FOLDER = "/var/log/comal-audit"
_POLICY = "/etc/kubernetes/comal-audit-policy.json"


def cluster_config(policy: Path, audit: Path) -> str:
    """Kind's configuration (JSON, which it reads as YAML): one node, with the same audit log."""
    patch = {
        "kind": "ClusterConfiguration",
        "apiServer": {
            "extraArgs": {
                "audit-policy-file": _POLICY,
                "audit-log-path": f"{_AUDIT_FOLDER}/audit.log",
            },
            "extraVolumes": [
                _volume("audit-policy", _POLICY, "File", read_only=True),
                _volume("audit-log", _AUDIT_FOLDER, "DirectoryOrCreate", read_only=False),
            ],
        },
    }
    node = {
        "role": "control-plane",
        "image": NODE_IMAGE,
        "kubeadmConfigPatches": [json.dumps(patch)],
        "extraMounts": [
            {"hostPath": str(policy), "containerPath": _POLICY, "readOnly": True},
            {"hostPath": str(audit), "containerPath": _AUDIT_FOLDER},
        ],
    }
    document = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [node]}
    return json.dumps(document, indent=2)


def load_commands(
    engine: str, images: tuple[str, ...], folder: Path
) -> tuple[tuple[str, ...], ...]:
    """Return the commands that bring the images into the cluster's node.

    kind reads Docker's images directly; Podman's go through an archive file.
    """
    if engine == "docker":
        return (("kind", "load", "docker-image", "--name", NAME, *images),)
    commands: list[tuple[str, ...]] = []
    for image in images:
        archive = str(folder / f"{image.rpartition('/')[2].replace(':', '-')}.tar")
        commands += [
            (engine, "save", "--format", "docker-archive", "-o", archive, image),
            ("kind", "load", "image-archive", "--name", NAME, archive),
        ]
    return tuple(commands)


def up(places: Places) -> None:
    """Create the cluster unless it is there."""
    kubectl(places)
    if NAME not in run(["kind", "get", "clusters"]).split():
        say("creating the cluster with kind")
        audit = _audit_folder(places)
        audit.mkdir(parents=True, exist_ok=True)
        policy = places.cache / "kind" / "audit-policy.json"
        policy.write_text(audit_policy())
        config = cluster_config(policy, audit)
        run(["kind", "create", "cluster", "--name", NAME, "--wait", "180s",
             "--kubeconfig", places.kubeconfig, "--config", "-"], stdin=config)  # fmt: skip
    run(["kind", "export", "kubeconfig", "--name", NAME, "--kubeconfig", places.kubeconfig])
    say(f"kind's cluster is Ready (kubeconfig: {places.kubeconfig})")


def down(places: Places) -> None:
    """Delete the cluster."""
    run(["kind", "delete", "cluster", "--name", NAME, "--kubeconfig", places.kubeconfig])
    places.kubeconfig.unlink(missing_ok=True)


def status(places: Places) -> str:
    """Return a few lines for people."""
    clusters = attempt(["kind", "get", "clusters"]).stdout.split()
    audit_log = _audit_folder(places) / "audit.log"
    lines = (
        f"cluster: kind, {'up' if NAME in clusters else 'down'}",
        f"kubeconfig: {places.kubeconfig}",
        f"audit log:  {audit_log}",
    )
    return "\n".join(lines)


def _audit_folder(places: Places) -> Path:
    return places.cache / "kind" / "audit"


def _volume(name: str, path: str, path_type: str, *, read_only: bool) -> dict[str, object]:
    return {
        "name": name,
        "hostPath": path,
        "mountPath": path,
        "pathType": path_type,
        "readOnly": read_only,
    }
