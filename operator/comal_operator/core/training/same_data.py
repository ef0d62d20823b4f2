"""The baseline measured again, on this run's data: chosen before, laid in, and still right after.

Which version is to be beaten is chosen when the first step with role Evaluate starts and written
down, so that a step that is started again measures the same one. If by the time of the gate another
version is the one to beat, because another run has registered meanwhile, the steps are run again:
so two runs that end together cannot both beat the same version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from comal_operator.api.model_version import ModelVersion
from comal_operator.api.training_run_status import StepStatus
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.baseline import choose, is_same_data
from comal_operator.core.training.baseline_package import evaluations, versions_of_run
from comal_operator.core.training.look import Facts, Look, Next, State
from comal_operator.core.training.steps import is_done, predecessors
from comal_operator.core.training.verdict import Baseline, Opponents
from comal_trainer.contract import Collected

# Then what was recorded decides: a namespace in which somebody always registers must not keep a
# run for ever.
MOST_EVALUATIONS = 3


def choose_baseline(look: Look) -> Next | None:
    """Return the choice, to be remembered before it is measured; None when it is not the moment."""
    gate, known = look.spec.gate, look.status.gate
    if gate is None or not is_same_data(gate) or (known is not None and known.evaluations):
        return None
    if not any(_may_start(look, index) for index in range(len(look.spec.steps))):
        return None
    against = choose(gate, versions_of_run(look), look.seen)
    text = "choosing the version to compare with"
    memory = {"gate": _chosen(against, evaluations=1)}
    return Next(State("Going", RunReason.RUNNING, text, facts=Facts(memory=memory)))


def opponents(
    look: Look, collected: Collected, versions: Sequence[ModelVersion]
) -> Opponents | Next:
    """Return what the candidate must beat, or how it is measured again first."""
    gate = look.spec.gate
    if gate is None:
        return Opponents()
    against = choose(gate, versions, look.seen)
    if not is_same_data(gate) or not against.baselines:
        return against
    known, [beaten] = look.status.gate, against.baselines
    if not any(step.role == "Evaluate" for step in look.spec.steps) or look.spec.sweep:
        return replace(against, note="as recorded, because no step has the role Evaluate")
    if known is None or known.measured != beaten.version:
        if evaluations(look) < MOST_EVALUATIONS:
            return _again(look, against)
        text = f"as recorded, because it came after {MOST_EVALUATIONS} evaluations of others"
        return replace(against, note=text)
    again = Baseline(beaten.version, dict(collected.baseline), "SameData")
    if again.value(gate.metric) is None:
        text = f"as recorded, because no step measured its {gate.metric} on this run's data"
        return replace(against, note=text)
    return Opponents((again,), note="")


def _again(look: Look, against: Opponents) -> Next:
    """Return the run with the steps that evaluate yet to be done, against another version."""
    roles = {step.name: step.role for step in look.spec.steps}
    steps = [_undone(one) if roles[one.name] == "Evaluate" else one for one in look.steps]
    memory = {
        "gate": _chosen(against, evaluations=evaluations(look) + 1),
        "steps": [step.to_wire() for step in steps],
    }
    version = against.baselines[0].version
    text = f"{version} is the version to beat by now: evaluating again"
    return Next(State("Going", RunReason.RUNNING, text, facts=Facts(memory=memory)))


def _undone(step: StepStatus) -> StepStatus:
    if step.state not in ("Succeeded", "Cached"):
        return step
    update = {"state": "Pending", "repeats": (step.repeats or 0) + 1, "completion_time": None}
    return step.model_copy(update={**update, "cached_from": None})


def _chosen(against: Opponents, *, evaluations: int) -> dict[str, Any]:
    found: dict[str, Any] = {"evaluations": evaluations}
    if against.baselines:
        found["measured"] = against.baselines[0].version
    return found


def _may_start(look: Look, index: int) -> bool:
    step = look.spec.steps[index]
    states = {one.name: one for one in look.steps}
    if step.role != "Evaluate" or states[step.name].state != "Pending":
        return False
    specs = {one.name: one for one in look.spec.steps}
    before = predecessors(look.spec, index)
    return all(is_done(specs[name], states[name]) for name in before)
