"""`make bench-rollout`: exact shares, cost of the router, time to zero, on `make up`'s cluster."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.rollout import published
from bench.rollout.figures import Split, lost, refused, split, times
from bench.rollout.zero import Zeros, watching
from cluster.commands import say
from cluster.paths import places
from comal_scorer.contract import DEFAULT_PORT
from demo.kubectl import Kubectl, wait_for
from demo.traffic import Call, Traffic, start_traffic
from traffic.endpoint import Endpoint
from traffic.models import BODIES, POISON, register
from traffic.story import make_namespace, scorer_image

GOOD, BAD = 1, 2
SHARES = ("0.1", "1", "5", "10", "33", "50")
# A fifth of them is what the bad version cannot answer, and half of all reach it: ten a second.
_FAILING_RATE = 20.0
_LISTED = [*BODIES, POISON]


@dataclass(frozen=True)
class Bench:
    """One endpoint, measured."""

    endpoint: Endpoint
    rate: float

    def hop(self, seconds: float) -> Sequence[tuple[str, str, str]]:
        """Compare the way through the routers with the revision's own Service, at the same time."""
        say(f"cost of the router: {seconds:.0f} s of calls, half of them straight to the Service")
        status = self.endpoint.status()
        host = status["url"].removeprefix("http://").partition("/")[0]
        name, _, rest = host.partition(".")
        direct = f"http://{name}-{status['stable']['revision']}.{rest}:{DEFAULT_PORT}/score"
        with self._calling("routed", status["url"]) as one, self._calling("direct", direct) as two:
            time.sleep(5)
            begin = time.time()
            time.sleep(seconds)
            taken = [ended(way, begin, begin + seconds, self.rate) for way in (one, two)]
        for call in (call for way in taken for call in way if call.code != 200):
            # NetworkPolicies close the direct way, where they are enforced.
            return [("cost of the router", f"not measured: {call.code} {call.text[:60]}", "")]
        routed, straight = (times(way) for way in taken)
        return [
            (
                f"{label}, routed / direct / cost",
                f"{through:.2f} / {past:.2f} / {through - past:+.2f} ms",
                other,
            )
            for label, through, past, other in (
                ("median", routed.p50, straight.p50, published.COST_P50),
                ("p99", routed.p99, straight.p99, published.COST_P99),
            )
        ]

    def splits(self, requests: int) -> Iterator[Split]:
        """Let a candidate rise through `SHARES`, and look at each."""
        steps = tuple({"percent": one, "approval": "Required"} for one in SHARES)
        with self._calling("callers", self.endpoint.status()["url"]) as traffic:
            self.endpoint.apply(BAD, 1, steps=steps)
            for share in SHARES:
                self.endpoint.share(share)
                # What was under way when the last router followed.
                begin = time.time() + 1
                end = begin + requests / self.rate
                time.sleep(end - time.time())
                calls = ended(traffic, begin, end, self.rate)
                found = split(calls, str(BAD), float(share))
                say(f"{share} %: {found.got:.3f} % of {found.requests} requests")
                yield found
                self.endpoint.ask("approve" if share != SHARES[-1] else "abort")
        self.endpoint.stalled()
        self.endpoint.apply(GOOD, 0)
        self.endpoint.at_rest(GOOD)

    def zeros(self, rounds: int) -> Iterator[Zeros]:
        """Let a candidate with half of the requests fail at a fifth of them, so many times."""
        held = ({"percent": "50", "for": "10m"},)
        for number in range(rounds):
            url = self.endpoint.status()["url"]
            calling = self._calling("callers", url, bodies=_LISTED, rate=_FAILING_RATE)
            with calling as traffic, watching(self.endpoint.kubectl) as events:
                self.endpoint.apply(BAD, 100 + number, steps=held)
                self.endpoint.stalled()
                time.sleep(2)
                calls = traffic.calls()
                for one in lost(calls):
                    say(f"lost on the way: {one.code} {one.text}")
                failed = refused(calls)
                begin = min(one.due + one.milliseconds / 1000 for one in failed)
                last = max(one.due for one in failed)
                found = Zeros(events.zero_after(begin) - begin, last - begin, len(failed))
            say(f"weight 0 after {found.acknowledged:.2f} s, {found.failed} answers failed")
            yield found
            self.endpoint.apply(GOOD, 0)
            self.endpoint.at_rest(GOOD)

    @contextmanager
    def _calling(
        self, name: str, url: str, *, bodies: Sequence[str] = BODIES, rate: float = 0
    ) -> Iterator[Traffic]:
        kubectl, keys = self.endpoint.kubectl, self.endpoint.status()["keysSecret"]
        facts = {"image": scorer_image(), "url": url, "body": bodies, "keys": keys}
        traffic = start_traffic(kubectl, name, rate=rate or self.rate, **facts)
        try:
            yield traffic
        finally:
            traffic.stop()
            kubectl.run("wait", "pod", name, "--for=delete", "--timeout=60s")


def ended(traffic: Traffic, begin: float, end: float, rate: float) -> list[Call]:
    """Return the calls due from `begin` to `end`, once they all have ended.

    Raises KubectlError on a machine that cannot keep the pace: its figures would be about that.
    """
    wanted = int((end - begin) * rate) - 1

    def look() -> list[Call] | None:
        found = [one for one in traffic.calls() if begin <= one.due < end]
        return sorted(found, key=lambda one: one.due) if len(found) >= wanted else None

    busy = f"{wanted} calls; this machine is too busy for --rate {rate:g}"
    return wait_for(busy, look, seconds=30, every=2)


def main() -> int:
    """Print one table."""
    parser = argparse.ArgumentParser(prog="bench.rollout", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of failing candidates")
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    parser.add_argument("--requests", type=int, default=3000, help="for each share")
    chosen = parser.parse_args()
    kubeconfig = Path(os.environ.get("KUBECONFIG") or places().kubeconfig)
    kubectl = make_namespace(Kubectl(places().tools / "kubectl", kubeconfig), "comal-bench")
    # The bad one has no answer for one of the bodies.
    register(kubectl, {GOOD: 2, BAD: 1})
    bench = Bench(Endpoint(kubectl), chosen.rate)
    bench.endpoint.apply(GOOD, 0)
    bench.endpoint.at_rest(GOOD)

    table = Table("what", "measured", "published by others")
    for row in bench.hop(30):
        table.add_row(*row)
    for found in bench.splits(chosen.requests):
        got = f"{found.got:.3f} %, worst 1,000 off by {found.worst:.2f} points"
        table.add_row(f"split at {found.asked:g} %", got, published.SPLIT)
    zeros = list(bench.zeros(chosen.rounds))
    if zeros:
        told = [one.acknowledged for one in zeros]
        table.add_row(
            "first failed answer to weight 0 at every router",
            f"median {median(told):.2f} s, worst {max(told):.2f} s of {len(told)}",
            published.ZERO,
        )
        table.add_row(
            "answers that callers saw fail",
            f"{median([one.failed for one in zeros]):g}, the last after"
            f" {max(one.last for one in zeros):.2f} s",
            "",
        )
    Console(width=140).print(table)
    kubectl.within("").run("delete", "namespace", kubectl.namespace, "--wait=false")
    return 0


if __name__ == "__main__":
    sys.exit(main())
