"""One run: register, serve, call without a pause, change, and count."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from cluster.commands import say
from cluster.paths import REPOSITORY
from demo.kubectl import Kubectl
from demo.traffic import Traffic, start_traffic
from traffic.changes import REST, VERSIONS, Story, rollouts
from traffic.endpoint import Endpoint
from traffic.models import BODIES, is_right, register, registered, train
from traffic.windows import Row, rows

_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def make_namespace(cluster: Kubectl, name: str) -> Kubectl:
    """Return an empty namespace, whatever an earlier run left."""
    if cluster.find("namespace", name):
        cluster.run("delete", "namespace", name, timeout=180)
    metadata = {"name": name, "labels": _RESTRICTED}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    return cluster.within(name)


def scorer_image() -> str:
    """Return the image that the callers run in: it has Python and an HTTP client."""
    images: dict[str, str] = json.loads((REPOSITORY / ".build/images.json").read_text())
    return images["scorer"]


def watch(kubectl: Kubectl, *, count: int, requests: int, rate: float) -> list[Row]:
    """Return what `count` rollouts cost the callers, who send at least so many requests."""
    endpoint = Endpoint(kubectl)
    first, second, third = VERSIONS
    register(kubectl, {first: 2})
    endpoint.apply(first, 0)
    # It starts while the second is trained, and callers begin while the third is.
    register(kubectl, {second: 2})
    train(kubectl, third)
    status = endpoint.at_rest(first)["status"]
    traffic = start_traffic(
        kubectl,
        "callers",
        image=scorer_image(),
        url=status["url"],
        body=BODIES,
        rate=rate,
        keys=status["keysSecret"],
    )
    story = Story(kubectl.within(""), endpoint)
    story.rest()
    for number, change in enumerate(rollouts(count), start=1):
        if number == 2:
            registered(kubectl, third)
        say(f"rollout {number} of {count}")
        change(story)
    _wait_for_requests(traffic, requests)
    end = time.time()
    found = traffic.calls()
    traffic.stop()
    return rows(found, story.windows, end, is_right)


def _wait_for_requests(traffic: Traffic, requests: int) -> None:
    shown = 0.0
    while (sent := traffic.totals().sent) < requests:
        if time.monotonic() - shown > 30:
            shown = time.monotonic()
            say(f"{REST}: {sent} of {requests} requests")
        time.sleep(1)


def print_rows(listed: Sequence[Row]) -> None:
    """Show the table, and what some of the lost and wrong ones were answered."""
    table = Table("window", "times", "seconds", "requests", "lost", "wrong", "p50 ms", "p99 ms")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in listed:
        table.add_row(
            one.name,
            str(one.windows),
            f"{one.seconds:.0f}",
            str(one.requests),
            str(one.lost),
            str(one.wrong),
            f"{one.p50:.1f}",
            f"{one.p99:.1f}",
            end_section=one is listed[-2],
        )
    console = Console(width=100, soft_wrap=True)
    console.print(table)
    for one in listed[:-1]:
        for example in one.examples:
            console.print(f"{one.name}: {example}", markup=False)
