"""What happens to an endpoint in its life: versions come and go, and everything around it dies."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import cycle, islice

from cluster.commands import say
from cluster.paths import REPOSITORY, places
from cluster.provider import Provider, choose, look
from demo.kubectl import Kubectl, KubectlError, wait_for
from traffic.endpoint import HELD, PATIENCE, Endpoint
from traffic.windows import Window

REST = "at rest"
VERSIONS = (1, 2, 3)
_REST_SECONDS = 4.0
# Every process of the container but the first; the kernel gives them no time for a last word.
_CRASH = "import os; os.kill(-1, 9)"


@dataclass
class Story:
    """Goes through the changes and notes when each began."""

    cluster: Kubectl
    endpoint: Endpoint
    stable: int = VERSIONS[0]
    number: int = 0
    windows: list[Window] = field(default_factory=list)

    def enter(self, name: str, *live: int) -> None:
        """From now on this goes on, and these versions may answer."""
        versions = frozenset(str(one) for one in live)
        self.windows.append(Window(time.time(), name, versions))
        say(f"{name}: live {', '.join(sorted(versions))}")

    def rest(self) -> None:
        """Wait until the stable version is alone, then look for a moment."""
        self.endpoint.at_rest(self.stable)
        self.enter(REST, self.stable)
        time.sleep(_REST_SECONDS)

    def begin(self, name: str, **how: object) -> int:
        """Let Git want the next version, and return it."""
        wanted = VERSIONS[(VERSIONS.index(self.stable) + 1) % len(VERSIONS)]
        self.number += 1
        self.enter(name, self.stable, wanted)
        self.endpoint.apply(wanted, self.number, **how)  # type: ignore[arg-type]
        return wanted

    def give_back(self) -> None:
        """Let Git want the stable version again, as a `git revert` does."""
        self.endpoint.apply(self.stable, self.stable_number)
        self.rest()

    stable_number: int = 0

    def promoted(self, version: int) -> None:
        """Note who is stable now, and rest."""
        self.stable, self.stable_number = version, self.number
        self.rest()


def promote(story: Story) -> None:
    """Take a new version through all steps."""
    story.promoted(story.begin("promote"))


def abort(story: Story) -> None:
    """Send a candidate away that has half of the requests."""
    story.begin("abort", steps=HELD)
    story.endpoint.share("50")
    story.endpoint.ask("abort")
    story.endpoint.stalled()
    story.give_back()


def roll_back(story: Story) -> None:
    """Go back to the version before, by one request, while it still bakes."""
    wanted = story.begin("rollback", bake="10m")

    def bakes() -> bool | None:
        status = story.endpoint.status()
        stable = status.get("stable", {}).get("modelVersion", "")
        return True if stable.endswith(f"-v{wanted}") and status.get("previous") else None

    wait_for(f"version {wanted} baking", bakes, seconds=PATIENCE)
    story.endpoint.ask("rollback", "stable")
    story.endpoint.stalled()
    story.give_back()


def lose_scorers(story: Story) -> None:
    """Promote while scoring Pods of both versions die without a word."""
    wanted = story.begin("promote", steps=HELD)
    story.endpoint.share("50")
    live = (story.stable, wanted)
    story.enter("scoring Pods killed", *live)
    kubectl = story.endpoint.kubectl
    first = story.endpoint.pods("scorer", "stable")[0]
    kubectl.run("exec", first, "-c", "scorer", "--", "python3", "-c", _CRASH)
    gone = [story.endpoint.pods("scorer", role)[0] for role in ("stable", "candidate")]
    kubectl.run("delete", "pod", *gone, "--force", "--grace-period=0", "--wait=false")
    _available(kubectl, "app.kubernetes.io/component=scorer")
    story.enter("promote", *live)
    story.endpoint.ask("approve")
    story.promoted(wanted)


def lose_control(story: Story) -> None:
    """Promote while the operator and the API server go away and a router drains."""
    wanted = story.begin("promote", steps=HELD)
    story.endpoint.share("50")
    live = (story.stable, wanted)
    kubectl = story.endpoint.kubectl
    story.enter("router deleted", *live)
    kubectl.run("delete", "pod", story.endpoint.pods("router")[0], "--wait=false")
    # The old one drains for most of a minute, through all that follows.
    _available(kubectl, "app.kubernetes.io/component=router")
    story.enter("operator killed", *live)
    operator = story.cluster.within("comal-system")
    labels = "app.kubernetes.io/component=operator"
    force = ("--force", "--grace-period=0", "--wait=false")
    operator.run("delete", "pods", "-l", labels, *force)
    _available(operator, labels)
    if choose(look(places())) is Provider.NODE:
        story.enter("API server restarts", *live)
        restart = [sys.executable, str(REPOSITORY / "hack/cluster"), "restart", "kube-apiserver"]
        subprocess.run(restart, check=True)
        wait_for("the API server", lambda: _answers(story.cluster), seconds=PATIENCE)
        time.sleep(_REST_SECONDS)
    else:
        say("the API server is not ours to restart: left out")
    story.enter("promote", *live)
    story.endpoint.ask("approve")
    story.promoted(wanted)


_ALL: tuple[Callable[[Story], None], ...] = (
    promote,
    abort,
    lose_scorers,
    roll_back,
    lose_control,
)


def rollouts(count: int) -> Iterable[Callable[[Story], None]]:
    """Return so many changes of version, every kind of them in turn."""
    return islice(cycle(_ALL), count)


def _available(kubectl: Kubectl, labels: str) -> None:
    """Wait until the Deployments with these labels have all their Pods."""

    def whole() -> bool | None:
        for one in kubectl.items("deployments", "-l", labels):
            status, wanted = one.get("status", {}), one["spec"]["replicas"]
            if status.get("availableReplicas", 0) < wanted:
                return None
        return True

    # The controller must have seen the loss before its numbers say anything.
    time.sleep(1)
    wait_for(f"all Pods of {labels}", whole, seconds=PATIENCE)


def _answers(cluster: Kubectl) -> bool | None:
    try:
        return cluster.run("get", "--raw=/readyz", timeout=5).strip() == "ok" or None
    except (KubectlError, subprocess.TimeoutExpired):
        return None
