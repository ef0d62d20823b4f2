"""What the Jobs of a run need before the first of them starts."""

from __future__ import annotations

from datetime import timedelta

from comal_operator.core.reasons import RunReason
from comal_operator.core.training import default_image, distributed, objects, registration
from comal_operator.core.training.lineage import newest_statistics
from comal_operator.core.training.look import Look, Next, State, create
from comal_operator.core.training.network import network_policies
from comal_operator.core.training.on_its_way import on_its_way
from comal_trainer.contract.data import BASELINE_STATISTICS_FILE


def prerequisites(look: Look) -> Next | None:
    """Return how what the Jobs need comes to be; None when all of it is there."""
    run, spec, state = look.run, look.spec, on_its_way(look)
    wanted = [
        objects.parameters_config_map(run, spec, {**default_image.files(look), **_files(look)}),
        *network_policies(run, spec, look.settings),
        *distributed.children(look),
    ]
    if spec.service_account_name is None:
        wanted.append(objects.service_account(run))
    existing = spec.workspace.existing_claim
    if look.spec.sweep is not None:
        pass  # each trial has its own
    elif existing is None:
        wanted.append(objects.workspace_claim(run, spec))
    elif look.seen.get("PersistentVolumeClaim", existing) is None:
        text = f"PersistentVolumeClaim {existing} does not exist: create it, the run goes on then"
        waiting = State("Going", RunReason.CLAIM_NOT_FOUND, text)
        return Next(waiting, look_again=timedelta(seconds=10))
    if _workspace_is_lost(look):
        text = "the workspace volume was deleted after a step had written to it: make a new run"
        return Next(State("Failed", RunReason.WORKSPACE_LOST, text))
    register = spec.register_
    if register is not None and register.registry == objects.DEFAULT_REGISTRY:
        wanted.append(objects.default_registry(run["metadata"]["namespace"]))
    return create(look, wanted, state)


def _files(look: Look) -> dict[str, str]:
    """Return what steps find beside their parameters: what earlier data was like."""
    if look.spec.register_ is None:
        return {}
    versions = registration.versions_of(look.seen, look.spec.register_.model)
    text = newest_statistics(versions)
    return {} if text is None else {BASELINE_STATISTICS_FILE: text}


def _workspace_is_lost(look: Look) -> bool:
    if look.spec.workspace.existing_claim is not None:
        return False
    name = objects.claim_name(look.run, look.spec)
    there = look.seen.get("PersistentVolumeClaim", name) is not None
    return not there and (
        bool(look.status.data) or any(step.state == "Succeeded" for step in look.steps)
    )
