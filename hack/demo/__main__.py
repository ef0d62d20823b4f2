"""`python hack/demo`: tells the story on the cluster that `make up` made."""

import json
import os
import sys
from pathlib import Path

# Python puts this folder itself on the path; the package is importable from its parent.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from cluster.paths import places  # noqa: E402  (the line above makes it importable)
from demo.display import Display  # noqa: E402  (as above)
from demo.kubectl import Kubectl, KubectlError  # noqa: E402  (as above)
from demo.story import REPOSITORY, Story  # noqa: E402  (as above)


def main() -> int:
    """Return 0 when every chapter came true."""
    kubeconfig = Path(os.environ.get("KUBECONFIG") or places().kubeconfig)
    kubectl = Kubectl(places().tools / "kubectl", kubeconfig, os.environ.get("DEMO", "comal-demo"))
    images = json.loads((REPOSITORY / ".build" / "images.json").read_text())
    display = Display()
    try:
        Story(kubectl, display, images).tell()
    except KubectlError as error:
        display.say(f"[red]{error}[/red]")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
