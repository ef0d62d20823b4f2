"""Which cluster to use: the one the user names, kind's, or the local node."""

import os
import platform
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from cluster.commands import ClusterError, attempt
from cluster.paths import Places
from cluster.tools import which


class Provider(Enum):
    """Who runs the cluster."""

    CONTEXT = "context"
    KIND = "kind"
    NODE = "node"


@dataclass(frozen=True)
class Machine:
    """What was seen of this machine and the user's wishes; all that the choice depends on."""

    context: str = ""
    kubeconfig: str = ""
    kind: bool = False
    engine: str = ""
    system: str = "Linux"
    root: bool = True
    apt: bool = True


def choose(machine: Machine) -> Provider:
    """Return the provider for this machine. Raises ClusterError with what is missing."""
    if machine.context or machine.kubeconfig:
        return Provider.CONTEXT
    if machine.kind and machine.engine:
        return Provider.KIND
    if machine.engine:
        hint = f"{machine.engine} answers here, so installing `kind` is enough"
    else:
        hint = "start Docker and install `kind`, or set COMAL_KUBE_CONTEXT to a cluster of yours"
    if machine.system != "Linux":
        raise ClusterError(f"the local node needs Linux, and this is {machine.system}: {hint}")
    if not machine.root:
        raise ClusterError(f"the local node needs root, try it with sudo: or {hint}")
    if not machine.apt:
        raise ClusterError(f"the local node takes its programs from apt, which is missing: {hint}")
    return Provider.NODE


def look(places: Places) -> Machine:
    """Return what this machine is now."""
    kubeconfig = os.environ.get("KUBECONFIG", "")
    return Machine(
        context=os.environ.get("COMAL_KUBE_CONTEXT", ""),
        # Our own file in KUBECONFIG is no wish for another cluster: `up` recommends setting it.
        kubeconfig="" if _is_ours(kubeconfig, places) else kubeconfig,
        kind=which("kind") is not None,
        engine=next((engine for engine in ("docker", "podman") if _answers(engine)), ""),
        system=platform.system(),
        root=os.geteuid() == 0,
        apt=which("apt-get") is not None,
    )


def _is_ours(kubeconfig: str, places: Places) -> bool:
    return kubeconfig != "" and Path(kubeconfig).resolve() == places.kubeconfig.resolve()


def _answers(engine: str) -> bool:
    """Whether the engine's server answers; the client alone is often installed without it."""
    return which(engine) is not None and attempt([engine, "info"]).returncode == 0
