"""A kubectl for every provider: the machine's own, else the one we build."""

from pathlib import Path

from cluster.gobuild import KUBERNETES, built
from cluster.paths import Places
from cluster.tools import which


def kubectl(places: Places) -> Path:
    """Return the program, linked into the tools folder so that it has one path everywhere."""
    link = places.tools / "kubectl"
    if not link.exists():
        found = which("kubectl")
        program = Path(found) if found else built(places, KUBERNETES) / "kubectl"
        places.tools.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    return link
