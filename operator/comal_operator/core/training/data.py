"""The run's data: fetched by one Job before the first step, remembered by digest."""

from __future__ import annotations

from typing import Any

from comal_operator.api.training_data import DataSource
from comal_operator.core.plan import Manifest
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.jobs import fetch_data_job
from comal_operator.core.training.look import Facts, Look, Next, State
from comal_operator.core.training.parts import JobParts
from comal_operator.core.training.report import report, retry
from comal_trainer.contract import data as contract

FETCH_DATA = contract.FETCH_DATA_COMMAND


def fetch_data(look: Look) -> Next | None:
    """Return how the data comes to lie in the workspace; None once its digests are remembered."""
    sources = look.spec.data
    if {one.name for one in look.status.data}.issuperset(source.name for source in sources):
        return None
    text = f"fetching the data: {', '.join(source.name for source in sources)}"
    state = State("Going", RunReason.FETCHING_DATA, text, FETCH_DATA)
    job = fetch_data_job(look, [_asked(source) for source in sources], _claims(sources))
    fetched = report(look, job, contract.FetchedData, state, RunReason.FETCH_DATA_JOB_FAILED)
    if fetched.answer is None:
        return fetched.next or Next(state)
    error = fetched.answer.error
    if error is not None and error.reason == contract.DATA_UNAVAILABLE:
        live: Any = look.seen.get("Job", job["metadata"]["name"])
        since = live.get("status", {}).get("completionTime")
        unavailable = RunReason.DATA_UNAVAILABLE
        return retry(look, live, state, unavailable, why=error.message, since=since)
    if error is not None:
        return Next(State("Failed", RunReason(error.reason), error.message))
    found = [_found(one) for one in fetched.answer.data]
    # The next look goes on from what is remembered here.
    return Next(State("Going", state.reason, text, FETCH_DATA, Facts(memory={"data": found})))


def _asked(source: DataSource) -> contract.Source:
    return contract.Source(source.name, source.uri, source.sha256 or "")


def _found(one: contract.Fetched) -> dict[str, Any]:
    said: dict[str, Any] = {"name": one.name, "digest": one.digest, "size": one.size}
    return {**said, "rows": one.rows} if one.rows >= 0 else said


def _claims(sources: tuple[DataSource, ...]) -> JobParts:
    """Return the claims that sources lie on, each mounted for reading alone."""
    volumes: dict[str, Manifest] = {}
    mounts = []
    for source in sources:
        if not contract.is_claim(source.uri):
            continue
        claim, _ = contract.claim_of(source.uri)
        # One volume a claim: two of the same claim would be two mounts of it on the node.
        volume = f"source-{len(volumes)}"
        named = {"name": volume, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
        volumes.setdefault(claim, named)
        mounts.append(
            {
                "name": volumes[claim]["name"],
                "mountPath": f"{contract.SOURCES_DIR}/{source.name}",
                "readOnly": True,
            }
        )
    return JobParts(volumes=tuple(volumes.values()), mounts=tuple(mounts))
