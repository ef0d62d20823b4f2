"""Addresses of the node, and the one interface it has on the host's side."""

from dataclasses import dataclass

from cluster.commands import ClusterError, attempt, run


@dataclass(frozen=True)
class Addresses:
    """The node's private networks. None is routed beyond this machine."""

    host: str = "10.123.0.1"
    node: str = "10.123.0.2"
    link_prefix: int = 30
    pods: str = "10.244.0.0/24"
    services: str = "10.96.0.0/16"
    api_service: str = "10.96.0.1"
    dns_service: str = "10.96.0.10"
    api_port: int = 6443
    metrics_port: int = 4443

    @property
    def api_url(self) -> str:
        """The API server as the host reaches it."""
        return f"https://{self.node}:{self.api_port}"


ADDRESSES = Addresses()
INTERFACE = "comal0"


def connect(process: int, addresses: Addresses = ADDRESSES) -> None:
    """Give the network namespace of ``process`` its eth0, and the host the way there."""
    disconnect()
    for network in (addresses.pods, addresses.services, f"{addresses.node}/32"):
        _refuse_overlap(network)
    run(["ip", "link", "add", INTERFACE, "type", "veth",
         "peer", "name", "eth0", "netns", str(process)])  # fmt: skip
    run(["ip", "addr", "add", f"{addresses.host}/{addresses.link_prefix}", "dev", INTERFACE])
    run(["ip", "link", "set", INTERFACE, "up"])
    for network in (addresses.pods, addresses.services):
        run(["ip", "route", "add", network, "via", addresses.node, "dev", INTERFACE])


def disconnect() -> None:
    """Remove the interface; its addresses and routes go with it."""
    if attempt(["ip", "link", "show", INTERFACE]).returncode == 0:
        attempt(["ip", "link", "delete", INTERFACE])


def _refuse_overlap(network: str) -> None:
    taken = run(["ip", "-4", "route", "show", "root", network]).strip()
    if taken:
        raise ClusterError(
            f"the network {network}, which the local node uses, is already routed here ({taken}): "
            "remove that route or use a cluster of your own (COMAL_KUBE_CONTEXT)"
        )
