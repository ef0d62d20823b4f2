"""Which nodes may run a step: its own words, on top of a preset's."""

from __future__ import annotations

from typing import Any

from comal_operator.api.training_run_status import StepStatus
from comal_operator.api.training_step import Step
from comal_operator.core.plan import Manifest
from comal_operator.core.presets import Preset
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.parts import JobParts


def parts(look: Look, step: Step) -> JobParts:
    """Return what the step's placement adds to its Job."""
    placement = step.placement
    if placement is None:
        return JobParts()
    selector: dict[str, str] = {}
    tolerations: list[Manifest] = []
    container: dict[str, Any] = {}
    preset = look.settings.presets.get(placement.preset or "")
    if preset is not None:
        spot = preset.spot if not leaves_spot(look, step) else None
        for choice in (preset, spot):
            if choice is not None:
                selector |= choice.node_selector
                tolerations += [one.to_wire() for one in choice.tolerations]
        container = _with_limits(step, preset)
    selector |= placement.node_selector
    tolerations += [one.to_wire() for one in placement.tolerations]
    found = {"nodeSelector": selector, "tolerations": tolerations}
    return JobParts(pod={key: value for key, value in found.items() if value}, container=container)


def leaves_spot(look: Look, step: Step) -> bool:
    """Return whether the step was interrupted so often that its next attempt leaves spot nodes."""
    limit = step.placement.on_demand_after if step.placement else None
    status = next((one for one in look.steps if one.name == step.name), None)
    return limit is not None and status is not None and (status.interruptions or 0) >= limit


def unknown_preset(look: Look) -> Next | None:
    """Return the wait for a preset that the installation does not define; None if all are there."""
    if look.status.sweep is not None and look.status.sweep.workspace is not None:
        # The steps were its trials', which are over.
        return None
    states: dict[str, StepStatus] = {one.name: one for one in look.steps}
    for step in look.spec.steps:
        name = step.placement.preset if step.placement else None
        status = states.get(step.name)
        begun = status is not None and status.state != "Pending"
        if name is None or name in look.settings.presets or begun:
            continue
        there = ", ".join(sorted(look.settings.presets)) or "none"
        text = (
            f"step {step.name}: placement.preset {name} is not defined here (there are: {there}):"
            " add it to ConfigMap comal-placement, or make a new run with one of these"
        )
        return Next(State("Stalled", RunReason.PRESET_UNKNOWN, text, step.name))
    return None


def _with_limits(step: Step, preset: Preset) -> dict[str, Any]:
    """Return the container's resources with the preset's limits, where the step names none."""
    if not preset.limits:
        return {}
    wire = step.resources.to_wire() if step.resources else {}
    return {"resources": {**wire, "limits": {**preset.limits, **wire.get("limits", {})}}}
