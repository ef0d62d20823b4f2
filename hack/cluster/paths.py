"""Where things lie: what is kept between runs, and what lives and dies with a node."""

import os
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
REPOSITORY = SOURCES.parents[1]


@dataclass(frozen=True)
class Places:
    """The folders of one user's cluster.

    ``cache`` survives ``down``: builds, unpacked packages and the images that the node imported.
    ``state`` is the running node: deleted by ``down`` as a whole.
    """

    cache: Path
    state: Path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for every provider."""
        return self.cache / "kubeconfig"

    @property
    def tools(self) -> Path:
        """Links to programs for people and tests, kubectl among them."""
        return self.cache / "bin"

    @property
    def packages(self) -> Path:
        """Debian packages, unpacked."""
        return self.cache / "packages"

    @property
    def images(self) -> Path:
        """Containerd's store. Kept, so that images need no second import after ``down``."""
        return self.cache / "containerd"

    @property
    def layout(self) -> Path:
        """The OCI layout with the images built last."""
        return self.cache / "images"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        """A log for each daemon."""
        return self.state / "log"

    @property
    def config(self) -> Path:
        """The daemons' configuration files."""
        return self.state / "config"

    @property
    def socket(self) -> Path:
        """Where containerd listens."""
        return self.state / "run" / "containerd.sock"

    @property
    def audit_log(self) -> Path:
        """What the operator's namespace asked the API server for, one JSON object a line."""
        return self.state / "audit" / "audit.log"

    @property
    def pid_file(self) -> Path:
        """The process id of the node's first process."""
        return self.state / "node.pid"


def places() -> Places:
    """Return the default folders; ``COMAL_CACHE`` moves the cache (tests, small home folders)."""
    cache = os.environ.get("COMAL_CACHE") or str(Path.home() / ".cache" / "comal")
    return Places(cache=Path(cache), state=Path("/var/lib/comal-node"))
