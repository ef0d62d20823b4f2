"""What a cluster needs beyond its daemons: DNS for Services, volumes on demand, metrics."""

import base64
from pathlib import Path
from string import Template

from cluster.commands import ClusterError, attempt, run
from cluster.node.network import ADDRESSES
from cluster.node.pki import NODE_NAME
from cluster.paths import Places

_MANIFESTS = Path(__file__).with_name("manifests")
_SECONDS = 90


def apply_addons(places: Places, image: str) -> None:
    """Apply manifests/, with the node's own image, addresses and folders filled in."""
    text = "\n---\n".join(path.read_text() for path in sorted(_MANIFESTS.glob("*.yaml")))
    manifests = Template(text).substitute(
        image=image,
        dns_service=ADDRESSES.dns_service,
        node=ADDRESSES.node,
        metrics_port=ADDRESSES.metrics_port,
        authority=base64.b64encode((places.pki / "ca.crt").read_bytes()).decode(),
        volumes=places.state / "volumes",
    )
    run(
        [*_kubectl(places), "apply", "--server-side", "--force-conflicts", "-f", "-"],
        stdin=manifests,
    )


def wait_until_ready(places: Places) -> None:
    """Return when the node is Ready and each add-on is available."""
    attempt(
        [*_kubectl(places), "wait", "--for=create", f"node/{NODE_NAME}", f"--timeout={_SECONDS}s"]
    )
    wanted = (
        ("", f"node/{NODE_NAME}", "Ready"),
        ("kube-system", "deployment/coredns", "Available"),
        ("local-path-storage", "deployment/local-path-provisioner", "Available"),
        ("", "apiservice/v1beta1.metrics.k8s.io", "Available"),
    )
    for namespace, name, condition in wanted:
        argv = ["wait", f"--for=condition={condition}", name, f"--timeout={_SECONDS}s"]
        if attempt([*_kubectl(places), *argv, "-n", namespace or "default"]).returncode:
            raise ClusterError(f"{name} is not {condition} after {_SECONDS} s: see {places.logs}")


def _kubectl(places: Places) -> tuple[str | Path, ...]:
    return (places.tools / "kubectl", "--kubeconfig", places.kubeconfig)
