"""The local node's parts that can be looked at without starting it."""

import json
from pathlib import Path

from cluster.gobuild import COREDNS, KUBERNETES, cache_key
from cluster.node.cgroup import hierarchies
from cluster.node.config import audit_policy
from cluster.node.daemons import Programs, init_spec
from cluster.paths import Places

PLACES = Places(cache=Path("/cache"), state=Path("/state"))
PROGRAMS = Programs(
    kubernetes=Path("/k"),
    metrics_server=Path("/m/metrics-server"),
    etcd=Path("/e/etcd"),
    containerd=Path("/c/containerd"),
)


def test_control_groups_of_both_versions_are_found() -> None:
    mounts = """\
proc /proc proc rw 0 0
cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
tmpfs /sys/fs/cgroup tmpfs ro 0 0
"""

    assert hierarchies(mounts) == (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup/unified"))


def test_what_needs_the_api_waits_for_it() -> None:
    after = {daemon["name"]: daemon["after"] for daemon in init_spec(PLACES, PROGRAMS)["daemons"]}

    assert {name for name, wait in after.items() if not wait} == {
        "etcd",
        "containerd",
        "kube-apiserver",
    }


def test_the_spec_survives_json() -> None:
    spec = init_spec(PLACES, PROGRAMS)

    assert json.loads(json.dumps(spec))["ready_url"] == spec["ready_url"]


def test_only_the_operators_namespace_is_audited() -> None:
    first, last = json.loads(audit_policy())["rules"]

    assert first["userGroups"] == ["system:serviceaccounts:comal-system"]
    assert last == {"level": "None"}


def test_a_build_is_cached_by_compiler_and_sources() -> None:
    key = cache_key(KUBERNETES, "go1.26.0")

    assert key == cache_key(KUBERNETES, "go1.26.0")
    assert key != cache_key(KUBERNETES, "go1.26.1")
    assert key != cache_key(COREDNS, "go1.26.0")
