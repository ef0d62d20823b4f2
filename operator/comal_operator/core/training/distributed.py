"""Several Pods that train one model: one Indexed Job, and names by which they find each other.

One lost worker breaks a synchronous training, so the Job fails as a whole with the first Pod that
fails, and the next attempt starts with all of them.
"""

from __future__ import annotations

import json
from typing import Any

from comal_operator.api.training_step import Step
from comal_operator.core.children import child_metadata
from comal_operator.core.names import LABEL_STEP, LABEL_TRAINING_RUN
from comal_operator.core.plan import Manifest
from comal_operator.core.training import attempts
from comal_operator.core.training.look import Look
from comal_operator.core.training.objects import STEP, job_name, run_child_name, run_labels
from comal_operator.core.training.parts import JobParts
from comal_operator.core.training.workspace import many_nodes
from comal_trainer.contract.step_environment import WORKER_INDEX_ENV, WORKERS_ENV

TENSORFLOW_PORT = 2222
PYTORCH_PORT = 29500
_GPU = "nvidia.com/gpu"
# The kubelet puts the value of a variable that stands above in the place of its name.
_INDEX = f"$({WORKER_INDEX_ENV})"


def parts(look: Look, step: Step) -> JobParts:
    """Return what makes a step's Job a gang of workers."""
    if step.distributed is None:
        return JobParts()
    workers = step.distributed.workers
    told = _TOLD[step.distributed.framework](look, step)
    return JobParts(
        env=(
            _index(),
            {"name": WORKERS_ENV, "value": str(workers)},
            *({"name": name, "value": value} for name, value in told.items()),
        ),
        job={"completions": workers, "parallelism": workers, "completionMode": "Indexed"},
        pod={"subdomain": service_name(look.run, step), **_together(look, step)},
    )


def children(look: Look) -> list[Manifest]:
    """Return what the workers of all steps need to reach each other, and nobody else."""
    found = []
    for step in look.spec.steps:
        if step.distributed is not None:
            found += [_service(look, step), _network_policy(look, step)]
    return found


def service_name(run: Manifest, step: Step) -> str:
    """Return the name of the Service that gives the step's workers their host names."""
    return run_child_name(run, f"{step.name}-workers")


def host(look: Look, step: Step, index: int) -> str:
    """Return the host name of one worker of the step's newest attempt."""
    job = job_name(look.run, step.name, attempt=attempts.of(look, step))
    return f"{job}-{index}.{service_name(look.run, step)}"


def _index() -> dict[str, Any]:
    path = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    return {"name": WORKER_INDEX_ENV, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _tensorflow(look: Look, step: Step) -> dict[str, str]:
    """Return TF_CONFIG: all are workers, the first of them is the chief."""
    count = step.distributed.workers if step.distributed else 0
    hosts = [f"{host(look, step, index)}:{TENSORFLOW_PORT}" for index in range(count)]
    cluster = json.dumps({"worker": hosts})
    task = f'{{"type": "worker", "index": {_INDEX}}}'
    return {"TF_CONFIG": f'{{"cluster": {cluster}, "task": {task}}}'}


def _pytorch(look: Look, step: Step) -> dict[str, str]:
    """Return the variables of torch.distributed, and those that torchrun takes for its flags."""
    count = str(step.distributed.workers if step.distributed else 0)
    master, port = host(look, step, 0), str(PYTORCH_PORT)
    return {
        "MASTER_ADDR": master,
        "MASTER_PORT": port,
        "RANK": _INDEX,
        "WORLD_SIZE": count,
        "PET_NNODES": count,
        "PET_NODE_RANK": _INDEX,
        "PET_NPROC_PER_NODE": str(_gpus(look, step) or 1),
        "PET_MASTER_ADDR": master,
        "PET_MASTER_PORT": port,
        "PET_RDZV_BACKEND": "static",
        "PET_RDZV_ID": master.partition(".")[0],
    }


_TOLD = {"TensorFlow": _tensorflow, "PyTorch": _pytorch}


def _gpus(look: Look, step: Step) -> int:
    """Return how many GPUs each worker has: torchrun starts a process for each."""
    limits = (step.resources.limits if step.resources else None) or {}
    preset = look.settings.presets.get((step.placement and step.placement.preset) or "")
    found = limits.get(_GPU, preset.limits.get(_GPU, 0) if preset else 0)
    return int(found) if str(found).isdigit() else 0


def _together(look: Look, step: Step) -> dict[str, Any]:
    """Return what keeps workers on one node where only one node may have the workspace."""
    if many_nodes(look):
        return {}
    term = {
        "labelSelector": {"matchLabels": _workers(look, step)},
        "topologyKey": "kubernetes.io/hostname",
    }
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    return {"affinity": {"podAffinity": {required: [term]}}}


def _workers(look: Look, step: Step) -> dict[str, str]:
    return {
        LABEL_TRAINING_RUN: look.run["metadata"]["name"],
        "app.kubernetes.io/component": STEP,
        LABEL_STEP: step.name,
    }


def _service(look: Look, step: Step) -> Manifest:
    port = TENSORFLOW_PORT
    if step.distributed is not None and step.distributed.framework == "PyTorch":
        port = PYTORCH_PORT
    labels = run_labels(look.run, "training-run")
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(look.run, service_name(look.run, step), labels),
        "spec": {
            "clusterIP": "None",
            # They look for each other before any of them is ready.
            "publishNotReadyAddresses": True,
            "selector": _workers(look, step),
            "ports": [{"name": "workers", "port": port, "protocol": "TCP"}],
        },
    }


def _network_policy(look: Look, step: Step) -> Manifest:
    peers = [{"podSelector": {"matchLabels": _workers(look, step)}}]
    labels = run_labels(look.run, "training-run")
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": child_metadata(look.run, service_name(look.run, step), labels),
        "spec": {
            "podSelector": {"matchLabels": _workers(look, step)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": peers}],
            "egress": [{"to": peers}],
        },
    }
