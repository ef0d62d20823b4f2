"""What a feature adds to a step's Job; the Job is the sum of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from comal_operator.core.plan import Manifest


@dataclass(frozen=True, kw_only=True)
class JobParts:
    """Additions to the Job of one step, in the words of its manifest."""

    env: tuple[Manifest, ...] = ()
    """Variables of the step's container, after those of the step contract."""
    container: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the step's container."""
    mounts: tuple[Manifest, ...] = ()
    volumes: tuple[Manifest, ...] = ()
    init_containers: tuple[Manifest, ...] = ()
    pod: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the Pod's spec."""
    job: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the Job's spec."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of Job and Pod."""
    job_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the Job alone."""


def combined(parts: Iterable[JobParts]) -> JobParts:
    """Return the sum: lists one after another, fields of a later part over those of an earlier."""
    total = JobParts()
    for part in parts:
        total = JobParts(
            env=(*total.env, *part.env),
            container={**total.container, **part.container},
            mounts=(*total.mounts, *part.mounts),
            volumes=(*total.volumes, *part.volumes),
            init_containers=(*total.init_containers, *part.init_containers),
            pod={**total.pod, **part.pod},
            job={**total.job, **part.job},
            labels={**total.labels, **part.labels},
            job_labels={**total.job_labels, **part.job_labels},
        )
    return total
