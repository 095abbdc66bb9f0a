"""The errors of jobs as they are drawn."""

from __future__ import annotations

import pytest
from fake_runs import fail, job, job_names, packed_run, summary
from matplotlib.figure import Figure

from experiments.figures.job_error import draw_job_errors, job_error_data
from experiments.validation.compare import compare
from experiments.validation.compared_runs import Runs
from experiments.validation.comparison import Comparison


def comparison(jobs: int, *, repeated: bool = True, failed: bool = False) -> Comparison:
    names = job_names(jobs)
    predicted, _ = packed_run(names, 2, run="predicted")
    measured, _ = packed_run(names, 2, run="measured", noise=0.05, seed=1)
    repeat, _ = packed_run(names, 2, run="repeat", noise=0.05, seed=2)
    return compare(
        Runs(
            predicted,
            fail(measured, names[-1]) if failed else measured,
            repeat=repeat if repeated else None,
        )
    )


def test_the_data_are_those_of_the_comparison() -> None:
    measured = summary([job("a-0", end_s=10.0, step_ms=4.0), job("b-0", end_s=20.0, step_ms=5.0)])
    predicted = summary([job("a-0", end_s=9.0, step_ms=5.0), job("b-0", end_s=21.0, step_ms=4.0)])
    data = job_error_data(compare(Runs(predicted, fail(measured, "b-0"))))
    assert data.jobs == ("a-0", "b-0")
    assert data.states == ("done", "failed")
    step, completion = data.panels
    assert step.errors == (pytest.approx(0.25), None)
    assert (step.floor, step.goal) == (None, 0.15)
    assert completion.errors == (pytest.approx(-0.1), None)
    assert completion.bias == pytest.approx(-0.1)
    assert completion.goal is None


def test_the_noise_floor_is_the_measured_one() -> None:
    found = comparison(6)
    step, completion = job_error_data(found).panels
    assert found.noise_floor is not None
    assert (step.floor, completion.floor) == (found.noise_floor.step, found.noise_floor.completion)


@pytest.mark.parametrize(
    ("jobs", "repeated", "failed"), [(1, False, False), (1, True, True), (6, True, True)]
)
def test_it_draws_a_panel_for_step_and_completion(jobs: int, repeated: bool, failed: bool) -> None:
    figure = draw_job_errors(job_error_data(comparison(jobs, repeated=repeated, failed=failed)))
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    step, completion = figure.axes
    assert step.get_title(loc="left").startswith("median step")
    assert completion.get_title(loc="left").startswith("completion")
    words = [text.get_text().strip() for text in step.texts]
    assert words == (["failed"] if failed else [])


def test_everything_lies_on_the_axis() -> None:
    measured = summary([job("a-0", step_ms=4.0)])
    figure = draw_job_errors(
        job_error_data(compare(Runs(summary([job("a-0", step_ms=12.0)]), measured)))
    )
    low, high = figure.axes[0].get_xlim()
    assert high > 2.0
    assert low == -high
