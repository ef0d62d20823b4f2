"""Asking for something: a request in an annotation of a deployment, a field of a run's spec."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_comal.cluster import Cluster
from kubectl_comal.errors import ComalError
from kubectl_comal.objects import DEPLOYMENT, RUN, Found, find, look

_EVERY = 0.3
# What it says in the past tense when it was done.
DONE = {
    "pause": "paused",
    "resume": "resumed",
    "approve": "approved",
    "promote": "promoted: it goes straight to 100 percent",
    "abort": "aborted: it goes to 0 percent and is not tried again",
    "rollback": "rolled back",
    "retry": "retried: its rollout begins anew",
}
_RUN_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "suspend": ({"suspend": True}, "is suspended; finished steps stay finished"),
    "resume": ({"suspend": False}, "goes on"),
    "cancel": ({"cancel": True}, "is cancelled"),
}


@dataclass(frozen=True)
class Answer:
    """What became of a request."""

    request: str
    about: str
    """The revision and its version, for people."""
    by: str | None
    refused: str | None = None


def ask(
    cluster: Cluster, named: str, verb: str, revision: str | None, seconds: float
) -> tuple[Found, Answer]:
    """Ask the operator for `verb` and return its answer.

    Raises ComalError when there is nothing to ask about, or no answer within `seconds`.
    """
    found = find(cluster, named, (DEPLOYMENT,))
    wanted = revision or _meant(found, verb)
    request = f"{verb}@{wanted}#{secrets.token_hex(4)}"
    by = cluster.user()
    # Without a name of ours nobody else's may stay there.
    annotations = {"comal.dev/request": request, "comal.dev/requested-by": by}
    path = cluster.path(DEPLOYMENT.plural, found.name)
    body = {"metadata": {"annotations": annotations}}
    cluster.merge(path, body, what=f"ask for {verb} of {found.name}")
    found = _answered(cluster, found.name, request, seconds)
    handled: Mapping[str, Any] = next(
        (one for one in found.status.get("requests") or () if one["request"] == request), {}
    )
    return found, Answer(request, _about(found, wanted), by, handled.get("refused"))


def set_of_run(cluster: Cluster, found: Found, verb: str) -> str:
    """Write what `verb` means into the run's spec; return what is so now."""
    fields, so = _RUN_FIELDS[verb]
    path = cluster.path(RUN.plural, found.name)
    cluster.merge(path, {"spec": fields}, what=f"{verb} {found.name}")
    return f"{RUN.name} {found.name} {so}"


def _answered(cluster: Cluster, name: str, request: str, seconds: float) -> Found:
    end = time.monotonic() + seconds
    while True:
        found = look(cluster, DEPLOYMENT, name)
        if found is None:
            raise ComalError(f"ModelDeployment {name} was deleted meanwhile")
        handled = [one["request"] for one in found.status.get("requests") or ()]
        if request in (*handled, found.status.get("lastHandledRequest")):
            return found
        if time.monotonic() > end:
            raise ComalError(
                f"the operator has not answered {request} within {seconds:g} s: is it running?"
                " (kubectl get pods -A -l app.kubernetes.io/component=operator)."
                " It will when it does: the request stays"
            )
        time.sleep(_EVERY)


def _meant(found: Found, verb: str) -> str:
    """Return the revision that a person means who names none."""
    status = found.status
    candidate, stable = status.get("candidate") or {}, status.get("stable") or {}
    rejected = status.get("rejected") or ()
    if verb == "retry":
        if not rejected:
            raise ComalError(f"no revision of {found.name} was rejected: there is nothing to retry")
        return str(rejected[0]["revision"])
    if candidate:
        return str(candidate["revision"])
    if verb == "rollback" and stable:
        return str(stable["revision"])
    serves = f"{stable['modelVersion']} (revision {stable['revision']}) serves"
    now = serves if stable else "nothing serves yet"
    raise ComalError(f"{found.name} has no rollout under way, so there is nothing to {verb}: {now}")


def _about(found: Found, revision: str) -> str:
    status = found.status
    roles = [status.get(role) or {} for role in ("candidate", "stable", "previous")]
    for one in (*roles, *(status.get("rejected") or ())):
        if one.get("revision") == revision:
            return f"{one['modelVersion']} (revision {revision})"
    return f"revision {revision}"
