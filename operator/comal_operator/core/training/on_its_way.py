"""The state of a run that nothing keeps from going on."""

from __future__ import annotations

from comal_operator.api.training_run_status import StepStatus
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.attempts import number
from comal_operator.core.training.look import Look, State


def on_its_way(look: Look) -> State:
    """Return the state of a run on its way, with the step that runs or comes next."""
    order = [step.name for step in look.steps]
    active = next((s for s in look.steps if s.state == "Running"), None)
    active = active or next((s for s in look.steps if s.state == "Pending"), None)
    if active is None:
        return State("Going", RunReason.RUNNING, "all steps succeeded")
    place = f"step {active.name} ({order.index(active.name) + 1} of {len(order)})"
    if active.state == "Pending" and active.attempts and active.message:
        return State("Going", RunReason.RETRYING, _retrying(active), active.name)
    attempt = number(active)
    again = f", attempt {attempt}" if attempt > 1 else ""
    return State("Going", RunReason.RUNNING, f"running {place}{again}", active.name)


def _retrying(step: StepStatus) -> str:
    return f"step {step.name} {step.message}; attempt {number(step)} follows"
