"""A sweep's next trials, from nothing but the results so far."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from comal_trainer.contract.sweep import (
    MAX_SUGGESTIONS,
    Dimension,
    Request,
    Suggested,
    Told,
    read_request,
    suggest_arguments,
)
from comal_trainer.suggest import suggest

ALPHA = Dimension("uniform", least="0", most="1")
SPACE = (
    ALPHA,
    Dimension("choice", size=3),
    Dimension("integer", least="2", most="9"),
    Dimension("logUniform", least="1e-5", most="1e-1"),
)


def request(sampler: str = "TPE", *history: Told, count: int = 4, seed: int = 7) -> Request:
    return Request(SPACE, sampler, "Minimize", seed, history, count)  # type: ignore[arg-type]


@pytest.mark.parametrize("sampler", ["Random", "TPE"])
def test_values_lie_in_the_space_and_differ(sampler: str) -> None:
    found = suggest(request(sampler, count=8)).trials
    assert len(set(found)) == 8
    for alpha, choice, number, rate in found:
        assert 0 <= float(alpha) <= 1
        assert choice in ("0", "1", "2")
        assert 2 <= int(number) <= 9
        assert 1e-5 <= float(rate) <= 1e-1


@pytest.mark.parametrize("sampler", ["Random", "TPE"])
def test_equal_seeds_and_results_suggest_equal_trials(sampler: str) -> None:
    first = suggest(request(sampler, count=1))
    assert suggest(request(sampler, count=1)) == first
    assert suggest(request(sampler, count=1, seed=8)) != first
    told = Told(first.trials[0], "Succeeded", "1")
    assert suggest(request(sampler, told, count=1)) != first


def test_every_state_is_a_history() -> None:
    [values] = suggest(request(count=1)).trials
    states = [("Running", ""), ("Succeeded", "3"), ("Pruned", "4"), ("Failed", ""), ("Pruned", "")]
    history = [Told(values, state, value) for state, value in states]  # type: ignore[arg-type]
    assert len(suggest(request("TPE", *history)).trials) == 4


def test_results_guide_the_search() -> None:
    space = (ALPHA,)
    history: tuple[Told, ...] = ()
    for _ in range(30):
        asked = Request(space, "TPE", "Minimize", 0, history, 1)
        [values] = suggest(asked).trials
        loss = (float(values[0]) - 0.4) ** 2
        history = (*history, Told(values, "Succeeded", str(loss)))
    late = [abs(float(told.values[0]) - 0.4) for told in history[15:]]
    early = [abs(float(told.values[0]) - 0.4) for told in history[:10]]
    assert sum(late) / len(late) < sum(early) / len(early)


def test_the_largest_answer_fits() -> None:
    space = tuple(Dimension("logUniform", least="1e-300", most="1e300") for _ in range(16))
    asked = Request(space, "Random", "Maximize", 0, (), MAX_SUGGESTIONS)
    answer = suggest(asked)
    assert Suggested.decode(answer.encode()) == answer


def test_a_space_that_is_none_is_said() -> None:
    wrong = (Dimension("uniform", least="2", most="1"),)
    answer = suggest(replace(request(), space=wrong))
    assert answer.error is not None
    assert "low" in answer.error.message


def test_the_command_reads_what_the_operator_wrote(tmp_path: Path) -> None:
    asked = request("Random", Told(("0.5", "1", "3", "0.01"), "Succeeded", "2.5"), count=2)
    arguments = suggest_arguments(asked)
    assert read_request(arguments[1].removeprefix("--request=")) == asked
    log = tmp_path / "log"
    subprocess.run(
        [sys.executable, "-m", "comal_trainer", *arguments],
        env={"COMAL_TERMINATION_LOG": str(log), "COMAL_WORKSPACE": str(tmp_path)},
        check=True,
    )
    assert Suggested.decode(log.read_text()) == suggest(asked)
