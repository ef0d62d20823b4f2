"""Which bars a run of `make bench-scorer` meets, by its medians."""

import pytest

from bench.bars import Bar, Figures, bars
from bench.measuring import Load, Result


def result(rate: float, *, first: float = 1.0, p99: float = 8.0, cpu: float = 0.1) -> Result:
    """Return a run with the same load at every number of connections."""
    load = Load(rate, p99 / 2, p99, cpu, 0)
    return Result(first, 100.0, 0.5, {16: load, 64: load})


def by_text(model: str, figures: Figures) -> dict[str, Bar]:
    return {bar.text: bar for bar in bars(model, figures)}


RIDGE = {
    "azureml": [result(100, first=7.0, p99=80.0), result(100, first=7.0, p99=80.0)],
    "fastapi": [result(400)],
    # The median of three: one bad round decides nothing.
    "comal": [result(1), result(1499), result(3000)],
}


def test_ratios_of_medians_are_judged() -> None:
    found = by_text("ridge", Figures(RIDGE, {}))

    assert found["requests/s at 16, ours / azureml"].found == pytest.approx(14.99)
    assert found["requests/s at 16, ours / azureml"].met is True
    assert found["requests/s at 64, ours / azureml"].met is False
    assert found["requests/s at 16, ours / best peer"].found == pytest.approx(1499 / 400)
    assert found["p99 at 16, ours / azureml"].met is True
    assert found["first answer, azureml / ours"].met is True


def test_who_was_not_measured_meets_nothing() -> None:
    found = by_text("ridge", Figures(RIDGE | {"azureml": []}, {}))

    bar = found["requests/s at 16, ours / azureml"]
    assert (bar.found, bar.met) == (None, None)
    assert "not measured" in str(bar)


def test_a_ratio_without_a_goal_is_told_and_not_judged() -> None:
    found = by_text("ridge", Figures(RIDGE | {"nginx": [result(14990)]}, {}))

    bar = found["requests/s at 16, ours / nginx with a constant"]
    assert bar.found == pytest.approx(0.1)
    assert bar.met is None


@pytest.mark.parametrize(("cpu", "met"), [(1.1, True), (1.2, False)])
def test_a_picture_costs_what_its_forward_pass_costs(cpu: float, met: bool) -> None:
    figures = Figures({"comal uint8 litert": [result(900, cpu=cpu)]}, {"litert": [0.9, 1.0, 1.1]})

    found = by_text("cnn", figures)

    assert found["CPU per request, ours (uint8) / forward pass of litert"].met is met


def test_the_faster_of_two_forms_is_compared() -> None:
    figures = Figures(
        {
            "comal fp32 litert": [result(500)],
            "comal uint8 litert": [result(1000)],
            "triton binary": [result(400)],
            "azureml+keras": [result(5)],
        },
        {},
    )

    found = by_text("cnn", figures)

    assert found["requests/s, ours binary / triton binary"].met is True
    assert found["requests/s, ours / azureml with Keras"].met is True
