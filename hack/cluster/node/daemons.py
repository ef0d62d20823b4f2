"""The command lines of the node's daemons."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cluster.node.network import ADDRESSES
from cluster.node.pki import NODE_NAME
from cluster.paths import Places


@dataclass(frozen=True)
class Programs:
    """Where the daemons' programs lie."""

    kubernetes: Path
    metrics_server: Path
    etcd: Path
    containerd: Path


@dataclass(frozen=True)
class Daemon:
    """``after``: nothing, "api" (the API server is ready), or a file that must exist."""

    name: str
    argv: tuple[str, ...]
    after: str = ""


_ETCD = "127.0.0.1:2379"
_ETCD_PEERS = "127.0.0.1:2380"


def daemons(places: Places, programs: Programs) -> tuple[Daemon, ...]:
    """All of them, in the order in which they start."""
    return (
        _etcd(places, programs.etcd),
        _containerd(places, programs.containerd),
        _api_server(places, programs.kubernetes),
        _controller_manager(places, programs.kubernetes),
        _scheduler(places, programs.kubernetes),
        _kubelet(places, programs.kubernetes),
        _kube_proxy(places, programs.kubernetes),
        _metrics_server(places, programs.metrics_server),
    )


def init_spec(places: Places, programs: Programs) -> dict[str, Any]:
    """Return what init.py reads: folders, addresses and daemons."""
    return {
        "folder": str(places.config / "sysctls"),
        # Private to the node, so that nothing of it shows in the machine's own folders.
        "empty": ["/run", "/var/lib/cni"],
        "bound": {
            str(places.logs / "pods"): "/var/log",
            str(places.state / "kubelet"): "/var/lib/kubelet",
        },
        "sysctls": {
            "vm/overcommit_memory": 1,
            "vm/panic_on_oom": 0,
            "kernel/panic": 10,
            "kernel/panic_on_oops": 1,
            "kernel/keys/root_maxkeys": 1000000,
            "kernel/keys/root_maxbytes": 25000000,
        },
        "address": f"{ADDRESSES.node}/{ADDRESSES.link_prefix}",
        "gateway": ADDRESSES.host,
        "ready_url": f"https://127.0.0.1:{ADDRESSES.api_port}/readyz",
        "authority": str(places.pki / "ca.crt"),
        "logs": str(places.logs),
        "daemons": [asdict(daemon) for daemon in daemons(places, programs)],
    }


def _etcd(places: Places, program: Path) -> Daemon:
    return Daemon(
        "etcd",
        (
            str(program),
            f"--data-dir={places.state}/etcd",
            f"--listen-client-urls=http://{_ETCD}",
            f"--advertise-client-urls=http://{_ETCD}",
            f"--listen-peer-urls=http://{_ETCD_PEERS}",
            f"--initial-advertise-peer-urls=http://{_ETCD_PEERS}",
            f"--initial-cluster=default=http://{_ETCD_PEERS}",
            "--log-level=warn",
            # The state never outlives this machine's boot, so it need not survive a power cut.
            "--unsafe-no-fsync",
        ),
    )


def _containerd(places: Places, program: Path) -> Daemon:
    # It finds its shim and runc by PATH, and the shim lies beside it in the unpacked package.
    path = f"PATH={program.parent}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    config = f"{places.config}/containerd.toml"
    return Daemon(
        "containerd",
        ("/usr/bin/env", path, str(program), f"--config={config}", "--log-level=warn"),
    )


def _api_server(places: Places, folder: Path) -> Daemon:
    pki = places.pki
    return Daemon(
        "kube-apiserver",
        (
            str(folder / "kube-apiserver"),
            f"--advertise-address={ADDRESSES.node}",
            f"--secure-port={ADDRESSES.api_port}",
            f"--etcd-servers=http://{_ETCD}",
            f"--client-ca-file={pki}/ca.crt",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
            # The node's name resolves nowhere: logs and exec must go to its address.
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki}/service-accounts.pub",
            f"--service-account-signing-key-file={pki}/service-accounts.key",
            f"--service-cluster-ip-range={ADDRESSES.services}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            # How it shows to servers of further APIs, metrics among them, whom it speaks for.
            f"--proxy-client-cert-file={pki}/front-proxy.crt",
            f"--proxy-client-key-file={pki}/front-proxy.key",
            f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--audit-policy-file={places.config}/audit-policy.json",
            f"--audit-log-path={places.audit_log}",
            "--audit-log-maxsize=200",
            "--audit-log-maxbackup=2",
            "--profiling=false",
        ),
    )


def _controller_manager(places: Places, folder: Path) -> Daemon:
    kubeconfig = places.config / "controller-manager.kubeconfig"
    return Daemon(
        "kube-controller-manager",
        (
            str(folder / "kube-controller-manager"),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            # Three times as often as by default: stories wait for it.
            "--horizontal-pod-autoscaler-sync-period=5s",
            f"--root-ca-file={places.pki}/ca.crt",
            f"--service-account-private-key-file={places.pki}/service-accounts.key",
            f"--cluster-signing-cert-file={places.pki}/ca.crt",
            f"--cluster-signing-key-file={places.pki}/ca.key",
            "--profiling=false",
        ),
        after="api",
    )


def _scheduler(places: Places, folder: Path) -> Daemon:
    kubeconfig = places.config / "scheduler.kubeconfig"
    return Daemon(
        "kube-scheduler",
        (
            str(folder / "kube-scheduler"),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--profiling=false",
        ),
        after="api",
    )


def _kubelet(places: Places, folder: Path) -> Daemon:
    return Daemon(
        "kubelet",
        (
            str(folder / "kubelet"),
            f"--config={places.config}/kubelet.json",
            f"--kubeconfig={places.config}/kubelet.kubeconfig",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={ADDRESSES.node}",
        ),
        after="api",
    )


def _kube_proxy(places: Places, folder: Path) -> Daemon:
    return Daemon(
        "kube-proxy",
        (
            str(folder / "kube-proxy"),
            f"--kubeconfig={places.config}/kube-proxy.kubeconfig",
            f"--hostname-override={NODE_NAME}",
            "--proxy-mode=nftables",
            f"--cluster-cidr={ADDRESSES.pods}",
            # Settings of the whole machine: not ours to change, nor always allowed.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
        ),
        after="api",
    )


def _metrics_server(places: Places, program: Path) -> Daemon:
    """Return what autoscalers and `kubectl top` ask; a daemon, as no image is needed for that."""
    kubeconfig = places.config / "metrics-server.kubeconfig"
    pki = places.pki
    return Daemon(
        "metrics-server",
        (
            str(program),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--secure-port={ADDRESSES.metrics_port}",
            f"--tls-cert-file={pki}/metrics-server-serving.crt",
            f"--tls-private-key-file={pki}/metrics-server-serving.key",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            "--metric-resolution=10s",
            "--kubelet-request-timeout=5s",
        ),
        after="api",
    )
