"""A Job that tries a candidate: without a token, without rights, as restricted as its Pods."""

from __future__ import annotations

from typing import Any

from comal_operator.core.children import child_metadata, container_security, pod_security
from comal_operator.core.plan import Manifest
from comal_operator.core.serving.labels import serving_labels
from comal_operator.core.serving.pods import service_account_name


def sandboxed_job(
    mdep: Manifest, name: str, component: str, container: dict[str, Any], **spec: Any
) -> dict[str, Any]:
    """Return a Job of one container; `spec` is what the Job has beside its template."""
    marks = serving_labels(mdep, component)
    pod = {
        "serviceAccountName": service_account_name(mdep),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security(),
        "containers": [
            {
                "name": component,
                **container,
                "securityContext": container_security(),
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - its own
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": child_metadata(mdep, name, marks),
        "spec": {**spec, "template": {"metadata": {"labels": marks}, "spec": pod}},
    }
