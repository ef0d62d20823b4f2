"""What `notify` could not tell: a condition that stays, since nobody tells it again."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from comal_operator.core.children import is_ours
from comal_operator.core.conditions import condition, find, is_true
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.reasons import NoticeReason
from comal_operator.core.training.objects import NOTIFY
from comal_operator.core.training.pods import ended, pods_of

NOTIFIED = "Notified"
_WHY_LIMIT = 300


def untold(run: Manifest, seen: Seen, asked: Collection[str] = ()) -> dict[str, Any] | None:
    """Return the condition that names each Job that did not tell its webhook; None without any.

    Those of `asked` that were refused never came to be. What it says of a Job it goes on saying:
    the Job and its Pods do not stay.
    """
    if not run["spec"].get("notify"):
        return None
    known = find((run.get("status") or {}).get("conditions"), NOTIFIED)
    said = str(known["message"]) if known else ""
    news = sorted(text for name, text in _failures(run, seen, asked) if name not in said)
    if not said and not news:
        return None
    message = "; ".join([said, *news] if said else news)
    return condition(NOTIFIED, False, NoticeReason.WEBHOOK_NOT_TOLD, message)


def _failures(run: Manifest, seen: Seen, asked: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the name of each Job and what went wrong with it."""
    for job in seen.all("Job"):
        meta = job["metadata"]
        if (meta.get("labels") or {}).get("app.kubernetes.io/component") != NOTIFY:
            continue
        if is_ours(job, run) and is_true(job.get("status", {}).get("conditions"), "Failed"):
            yield meta["name"], f"Job {meta['name']} did not tell {_whom(job)}: {_why(job, seen)}"
    for (kind, name), refusal in seen.refusals.items():
        if kind == "Job" and name in asked:
            yield name, f"Job {name} was refused: {refusal[:_WHY_LIMIT]}"


def _whom(job: Manifest) -> str:
    volumes = job["spec"]["template"]["spec"].get("volumes") or ()
    secret = next((one["secret"] for one in volumes if "secret" in one), None)
    return f"the webhook of Secret {secret['secretName']}" if secret else "its webhook"


def _why(job: Manifest, seen: Seen) -> str:
    """Return the last line of what its newest Pod said, which never repeats the address."""
    pods = pods_of(job, seen)
    over = ended(pods[-1]) if pods else None
    if over is not None and over.message.strip():
        return over.message.strip().splitlines()[-1][:_WHY_LIMIT]
    failed = find(job["status"]["conditions"], "Failed") or {}
    if failed.get("reason") == "DeadlineExceeded":
        return "its Pod did not run, or the webhook did not answer, for 15 minutes: see its Secret"
    return str(failed.get("message") or failed.get("reason") or "it failed")[:_WHY_LIMIT]
