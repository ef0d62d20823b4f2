"""A cluster of the user's own: looked at, never changed."""

from pathlib import Path

from cluster.commands import ClusterError, attempt, run, say
from cluster.kubectl import kubectl
from cluster.node.kubeconfig import write_private
from cluster.paths import Places


def up(places: Places, context: str) -> None:
    """Copy that context alone to our kubeconfig, and prove that its API server answers."""
    program = kubectl(places)
    chosen = ["--context", context] if context else []
    flat = run([program, *chosen, "config", "view", "--minify", "--flatten", "--raw"])
    write_private(places.kubeconfig, flat)
    argv: list[str | Path] = [
        program,
        "--kubeconfig",
        places.kubeconfig,
        "version",
        "--request-timeout=10s",
    ]
    answer = attempt(argv)
    if answer.returncode:
        reason = answer.stderr.strip().splitlines()[-1:]
        raise ClusterError(f"the cluster of context {context or '(current)'} does not answer: "
                           f"{' '.join(reason)}")  # fmt: skip
    say(f"using your cluster {context} (kubeconfig: {places.kubeconfig})")


def down(places: Places) -> None:
    """Forget the copy; the cluster itself is the user's."""
    places.kubeconfig.unlink(missing_ok=True)
    say("your own cluster is left as it is: delete what was installed with `kubectl delete`")


def status(places: Places, context: str) -> str:
    """Return a line or two for people."""
    return f"cluster: your context {context or '(current)'}\nkubeconfig: {places.kubeconfig}"
