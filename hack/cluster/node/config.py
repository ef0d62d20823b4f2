"""The daemons' configuration files, as text; each odd line says which trap it avoids."""

import json

from cluster.node.cgroup import NAME as CGROUP
from cluster.node.network import ADDRESSES
from cluster.paths import Places

_PLUGIN_CRI = 'plugins."io.containerd.grpc.v1.cri"'


def containerd(places: Places, runc: str, cni: str, pause_image: str) -> str:
    """Containerd's TOML (version 2, as Debian's 1.6 reads it)."""
    return f"""version = 2
root = "{places.images}"
state = "/run/containerd"
oom_score = 0

[grpc]
  address = "{places.socket}"

[{_PLUGIN_CRI}]
  sandbox_image = "{pause_image}"
  # Without CAP_SYS_RESOURCE no process may lower its score: every sandbox would die at its start.
  restrict_oom_score_adj = true
  # One line of a training log may be long; the default splits it.
  max_container_log_line_size = 262144
  [{_PLUGIN_CRI}.cni]
    bin_dir = "{cni}"
    conf_dir = "{places.config}/cni"
  [{_PLUGIN_CRI}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    # The unpacked snapshot is what containers use; the compressed layers are not needed any more,
    # but a later import sends only what is missing, so they stay.
    discard_unpacked_layers = false
  [{_PLUGIN_CRI}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [{_PLUGIN_CRI}.containerd.runtimes.runc.options]
      BinaryName = "{runc}"
      SystemdCgroup = false
"""


def cni() -> str:
    """Pods by point-to-point links: all traffic is routed, so Services work between two Pods of
    this node without the bridge netfilter module, which a sandboxed kernel may not have.
    """
    return json.dumps(
        {
            "cniVersion": "0.4.0",
            "name": "comal",
            "plugins": [
                {
                    "type": "ptp",
                    "ipMasq": False,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": "/run/cni-addresses",
                        "ranges": [[{"subnet": ADDRESSES.pods}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        },
        indent=2,
    )


def kubelet(places: Places) -> str:
    """KubeletConfiguration."""
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{places.socket}",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(places.pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(places.pki / "kubelet-serving.crt"),
            "tlsPrivateKeyFile": str(places.pki / "kubelet-serving.key"),
            "clusterDNS": [ADDRESSES.dns_service],
            "clusterDomain": "cluster.local",
            "resolvConf": str(places.config / "resolv.conf"),
            "volumePluginDir": str(places.state / "volume-plugins"),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{CGROUP}",
            "failSwapOn": False,
            "failCgroupV1": False,
            "oomScoreAdj": 0,
            # A development machine's disk is often nearly full, and nothing can be pulled again.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "nodefs.inodesFree": "1%",
                "imagefs.available": "1%",
                "imagefs.inodesFree": "1%",
            },
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            # Two cores start many Pods at once in the tests; the default of 50 is for big clusters.
            "kubeAPIQPS": 100,
            "kubeAPIBurst": 200,
        },
        indent=2,
    )


def audit_policy() -> str:
    """Record only what the operator's own namespace asks for: enough to prove its RBAC exact."""
    return json.dumps(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [
                {"level": "Metadata", "userGroups": ["system:serviceaccounts:comal-system"]},
                {"level": "None"},
            ],
        },
        indent=2,
    )
