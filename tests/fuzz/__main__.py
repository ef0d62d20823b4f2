"""`python -m fuzz [--calls N] [--seed S]`: fuzz every contract, print a table, exit 1 on a find."""

from __future__ import annotations

import argparse
import sys

from fuzz.campaign import attack, conform
from fuzz.services import services


def main() -> int:
    """Return 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000, help="mutated requests in all (5000)")
    parser.add_argument("--examples", type=int, default=60, help="schemathesis' per operation (60)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same calls")
    options = parser.parse_args()
    found = 0
    everything = list(services())
    for service in everything:
        findings = attack(service, options.calls // len(everything), options.seed)
        code, report = conform(service, options.examples, options.seed)
        found += len(findings.wrong) + (code != 0)
        statuses = " ".join(f"{code}:{count}" for code, count in sorted(findings.statuses.items()))
        print(f"{service.name:14} {findings.calls:7} calls  {statuses}  +{findings.grown} kB")
        print("\n".join(findings.wrong[:5]))
        print(report if code else f"{'':14} schemathesis found nothing")
    print(f"{found} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
