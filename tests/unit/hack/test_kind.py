"""The kind path, as far as it can be proved without an engine."""

import json
from pathlib import Path

from cluster.kind import cluster_config, load_commands


def test_config_mounts_the_audit_policy_that_the_api_server_is_given() -> None:
    config = json.loads(cluster_config(Path("/c/policy.json"), Path("/c/audit")))

    node = config["nodes"][0]
    patch = json.loads(node["kubeadmConfigPatches"][0])
    mounted = {mount["containerPath"]: mount["hostPath"] for mount in node["extraMounts"]}
    arguments = patch["apiServer"]["extraArgs"]
    volumes = {volume["mountPath"] for volume in patch["apiServer"]["extraVolumes"]}
    assert mounted[arguments["audit-policy-file"]] == "/c/policy.json"
    assert mounted[str(Path(arguments["audit-log-path"]).parent)] == "/c/audit"
    assert volumes == set(mounted)


def test_docker_loads_its_images_directly() -> None:
    commands = load_commands("docker", ("localhost/comal/a:1", "localhost/comal/b:2"), Path("/c"))

    assert commands == (
        ("kind", "load", "docker-image", "--name", "comal",
         "localhost/comal/a:1", "localhost/comal/b:2"),
    )  # fmt: skip


def test_podman_loads_through_archives() -> None:
    commands = load_commands("podman", ("localhost/comal/a:1",), Path("/c"))

    assert commands == (
        ("podman", "save", "--format", "docker-archive", "-o", "/c/a-1.tar", "localhost/comal/a:1"),
        ("kind", "load", "image-archive", "--name", "comal", "/c/a-1.tar"),
    )
