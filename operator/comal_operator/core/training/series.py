"""The series of metrics, kept with the run after its workspace is gone (docs/decisions/0024)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from comal_operator.core.children import child_metadata
from comal_operator.core.plan import Create, LogTail, Manifest, Seen
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.objects import CONTAINER, SERIES, run_child_name, run_labels
from comal_operator.core.training.pods import pods_of
from comal_trainer.contract import Collected
from comal_trainer.contract.progress import MAX_SERIES_TEXT, SERIES_FILE, SERIES_MARK

COMPONENT = SERIES


def keep_series(look: Look, collect: Manifest, collected: Collected, state: State) -> Next | None:
    """Return how the series that `collect` packed is kept; None once it is, or cannot be.

    What is missing of it (a log that is gone, a quota) keeps no model from being registered.
    """
    job = look.seen.get("Job", collect["metadata"]["name"])
    found = kept(look.run, job, collected, look.seen) if job is not None else None
    if isinstance(found, LogTail):
        return Next(state, questions=(found,))
    return Next(state, (found,)) if found is not None else None


def kept(run: Manifest, job: Manifest, said: Collected, seen: Seen) -> LogTail | Create | None:
    """Return what to ask, then what to make, of the series that `job` packed, as it `said`."""
    name = run_child_name(run, "metrics")
    known = ("ConfigMap", name)
    if not said.series or known in seen.objects or known in seen.refusals:
        return None
    pods = pods_of(job, seen)
    if not pods:
        return None
    question = LogTail(pods[-1]["metadata"]["name"], CONTAINER, lines=1)
    if question not in seen.answers:
        return question
    text = _packed(seen.answers[question])
    return Create(_config_map(run, name, text)) if text else None


def _packed(said: Any) -> str:
    """Return the base64 of the log's last line; nothing where it is another one."""
    if not isinstance(said, str) or not said.startswith(SERIES_MARK):
        return ""
    text = said.removeprefix(SERIES_MARK).strip()
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return text if len(text) <= MAX_SERIES_TEXT else ""


def _config_map(run: Manifest, name: str, text: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": child_metadata(run, name, run_labels(run, COMPONENT)),
        "immutable": True,
        "binaryData": {SERIES_FILE: text},
    }
