"""How a new revision of a ModelDeployment takes over."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import (
    UNIQUE,
    ApiType,
    Duration,
    Percent,
    remedy,
    rule,
    rules,
)
from comal_operator.api.rollout_analysis import Analysis
from comal_operator.api.rollout_smoke import Smoke
from comal_operator.api.rollout_status import RevisionName

_HOURS = "duration(self) <= duration('720h')"
# Where a step stands: shadows come before the first live request.
_PLACE = "(has(s.shadow) ? double(s.shadow) : double(s.percent) * 1000000.0)"
_OTHER_PLACE = "(has(t.shadow) ? double(t.shadow) : double(t.percent) * 1000000.0)"

Revision = Annotated[
    RevisionName,
    Field(
        pattern=r"^[a-z0-9]{1,16}$",
        json_schema_extra=remedy("must be a revision as status.candidate.revision shows it"),
    ),
]


class RolloutStep(ApiType):
    """One share of the traffic, for a time; then come its conditions, then the next step."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.percent) != has(self.shadow)",
                "a step must have exactly one of percent and shadow: keep one of them",
            ),
            rule(
                "!has(self.shadow) || double(self.shadow) > 0.0",
                'shadow must be above 0: write a share such as "20", or remove the step',
            ),
            rule(
                "!has(self.smoke) || (has(self.percent) && double(self.percent) == 0.0)",
                'smoke goes with percent "0": a revision is tried before its first live request,'
                ' so move it to a step {percent: "0", smoke: …}',
            ),
            rule(
                "!has(self.minRequests) || has(self.shadow) || double(self.percent) > 0.0",
                'minRequests goes with a share: at percent "0" no request comes; remove it',
            ),
        )
    )

    percent: Percent | None = None
    """Share of the requests that the candidate gets of those which variants leave (all, without
    variants); exact, whatever the numbers of Pods.
    """
    shadow: Percent | None = None
    """Share of all requests that are sent to the candidate too, its answers dropped and counted.

    The caller gets stable's answer and waits for nothing else.
    """
    for_: Annotated[Duration, Field(alias="for")] = "0s"
    """How long the share is held at least, once every router has it."""
    min_requests: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Requests that the candidate must have answered at this step before the next one."""
    smoke: Smoke | None = None
    """One request to the candidate that must be answered right before any live one is sent."""
    approval: Literal["Required"] | None = None
    """Required: the step is left only when a person approves.

    By `kubectl comal approve`, or by the revision in rollout.approvedRevisions.
    """


_STEPS: dict[str, Any] = {"x-kubernetes-list-type": "atomic"} | rules(
    rule(
        "self.all(s, has(s.percent) != has(s.shadow)) ?"
        f" (self.map(s, {_PLACE}).isSorted() &&"
        f" self.all(s, self.exists_one(t, {_PLACE} == {_OTHER_PLACE}))) : true",
        "rollout.steps[] must rise from step to step, shadow before percent above 0:"
        " put the steps in order and remove what stands twice",
    )
)


class Rollout(ApiType):
    """How a new revision takes over."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.steps) || self.steps.size() == 0 || self.steps.map(s,"
                " duration(s.__for__)).sum() < duration(self.deadline)",
                "rollout.deadline must be longer than all rollout.steps[].for together:"
                " raise deadline or shorten the steps",
            ),
        )
    )

    steps: Annotated[tuple[RolloutStep, ...], Field(max_length=16, json_schema_extra=_STEPS)] = ()
    """Shares on the way to 100, which comes by itself after the last step.

    Without steps a candidate takes over as soon as it is available.
    """
    analysis: Analysis = Analysis()
    """What a candidate must keep to while it climbs, measured by the routers."""
    capacity: Literal["Surge", "Conserve"] = "Surge"
    """Surge: stable and candidate both have all replicas. Conserve: they share them.

    For dear nodes: the candidate has what its next share needs and stable what is left to it,
    together at most replicas and the largest rise of a step. Should the candidate fail, stable
    takes all requests back with fewer Pods until it has grown again.
    """
    on_failure: Literal["Rollback", "Hold"] = "Rollback"
    """What becomes of a candidate that fails; either way it loses its share at once.

    Rollback rejects it. Hold keeps its Pods for a look, until somebody says abort, resume or
    promote, or the deadline rejects it.
    """
    drain: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(
                    "duration(self) <= duration('1h')",
                    "rollout.drain must be at most 1h: it only covers requests under way",
                )
            )
        ),
    ] = "15s"
    """How long a revision keeps its Pods for requests under way, once every router left it."""
    bake: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(rule(_HOURS, "rollout.bake must be at most 720h: choose less"))
        ),
    ] = "30m"
    """How long the former revision stays warm after a promotion: going back is instant."""
    deadline: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(_HOURS, "rollout.deadline must be at most 720h: choose less")
            )
        ),
    ] = "2h"
    """How long a candidate may take from its start to 100 percent before it is rolled back.

    Pauses and waits for approval count.
    """
    paused: bool = False
    """Pause in Git: the candidate keeps the share that it has; true here outlasts `resume`."""
    approved_revisions: Annotated[
        tuple[Revision, ...], Field(max_length=16, json_schema_extra=UNIQUE)
    ] = ()
    """Approvals in Git: these revisions pass every step with approval: Required."""
