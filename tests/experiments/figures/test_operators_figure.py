"""Where a step's time goes, by hand and drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import MODELS, profile
from matplotlib.figure import Figure

from experiments.figures.operators import draw_operators, operators_data


def test_shares_by_hand() -> None:
    first, second, third = profile(threads=(1,)).operators[:3]
    costs = (
        replace(first, phase="input", operator="input", mean_us=100.0, gap_before_us=0.0),
        replace(second, phase="forward", operator="aten::mm", mean_us=600.0, gap_before_us=50.0),
        replace(third, phase="optimizer", operator="aten::mul_", mean_us=200.0, gap_before_us=50.0),
    )
    known = profile(threads=(1,))
    step = replace(known.steps[0], mean_us=1_040.0)
    (found,) = operators_data([replace(known, steps=(step,), operators=costs)])
    assert found.label == "criteo_dlrm b256, 1 thread"
    assert found.step_ms == pytest.approx(1.04)  # by itself, not the sum of its operators
    assert found.by_class == {
        "input and copies": pytest.approx(0.1),
        "matrix products": pytest.approx(0.6),
        "optimizer": pytest.approx(0.2),
        "between operators": pytest.approx(0.1),
    }
    assert found.by_phase == {
        "input": pytest.approx(0.1),
        "forward": pytest.approx(0.6),
        "optimizer": pytest.approx(0.2),
        "between operators": pytest.approx(0.1),
    }


def test_phases_of_an_imported_step_are_drawn() -> None:
    """What no phase holds, and what is communication, are parts of the bar."""
    costs = tuple(
        replace(cost, phase=phase, operator="aten::mm", mean_us=100.0, gap_before_us=0.0)
        for cost, phase in zip(
            profile(threads=(1,)).operators, ("forward", "communication", "unknown"), strict=False
        )
    )
    found = operators_data([replace(profile(threads=(1,)), operators=costs)])
    third = pytest.approx(1 / 3)
    assert found[0].by_phase == {"forward": third, "communication": third, "unknown": third}
    assert found[0].by_class["communication"] == third
    assert isinstance(draw_operators(found), Figure)


def test_a_bar_for_every_model_and_thread_count() -> None:
    found = operators_data([profile(model, threads=(1, 2)) for model in MODELS])
    assert [b.label for b in found[:2]] == [
        "criteo_dlrm b256, 1 thread",
        "criteo_dlrm b256, 2 threads",
    ]
    assert len(found) == 6
    for breakdown in found:
        assert sum(breakdown.by_class.values()) == pytest.approx(1.0)
        assert sum(breakdown.by_phase.values()) == pytest.approx(1.0)


def test_lanes_other_than_the_cpu_are_named() -> None:
    costs = tuple(replace(cost, lane="gpu") for cost in profile(threads=(1,)).operators)
    (found,) = operators_data([replace(profile(), operators=costs)])
    assert found.label == "criteo_dlrm b256, gpu, 1 thread"


@pytest.mark.parametrize(("copied_us", "lanes"), [(5.0, ["cpu"]), (500.0, ["cpu", "link"])])
def test_a_link_that_hardly_does_anything_is_left_out(copied_us: float, lanes: list[str]) -> None:
    first = profile(threads=(1,)).operators[0]
    costs = (
        first,
        replace(first, lane="link", operator="aten::copy_", mean_us=copied_us, gap_before_us=995.0),
    )
    assert [b.lane for b in operators_data([replace(profile(), operators=costs)])] == lanes


@pytest.mark.parametrize("models", [MODELS, MODELS[:1], ()])
def test_it_draws_two_panels(models: tuple[str, ...]) -> None:
    figure = draw_operators(operators_data([profile(model) for model in models]))
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    kinds, phases = figure.axes
    assert kinds.get_title(loc="left") == "by kind of operator"
    assert phases.get_title(loc="left") == "by phase"
