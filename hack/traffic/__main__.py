"""`make rel-traffic ROLLOUTS=20 REQUESTS=100000`: a table of what changes cost the callers."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from cluster.paths import places
from demo.kubectl import Kubectl
from traffic.story import make_namespace, print_rows, watch


def main() -> int:
    """Return 0 when nothing was lost and nothing was wrong."""
    parser = argparse.ArgumentParser(prog="traffic", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=5)
    parser.add_argument("--requests", type=int, default=30_000, help="at least so many")
    parser.add_argument("--rate", type=float, default=150, help="requests a second")
    chosen = parser.parse_args()
    kubeconfig = Path(os.environ.get("KUBECONFIG") or places().kubeconfig)
    kubectl = make_namespace(Kubectl(places().tools / "kubectl", kubeconfig), "comal-traffic")
    listed = watch(kubectl, count=chosen.rollouts, requests=chosen.requests, rate=chosen.rate)
    print_rows(listed)
    kubectl.within("").run("delete", "namespace", kubectl.namespace, "--wait=false")
    return 1 if listed[-1].lost or listed[-1].wrong else 0


if __name__ == "__main__":
    sys.exit(main())
