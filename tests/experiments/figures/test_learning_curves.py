"""Which curves are drawn, and how many points of them."""

from __future__ import annotations

import math

import pytest

from experiments.figures.learning_curves import (
    MOST_JOBS,
    draw_curves,
    learning_curves_data,
    strokes,
    thinned,
)
from rmixer.run_record.metrics import Metric


def row(step: int, value: float, metric: str = "loss", split: str = "train") -> Metric:
    return Metric(step, None, float(step), split, metric, value)  # type: ignore[arg-type]


def test_few_points_stay_as_they_are() -> None:
    curve = thinned("a", [(10, 0.5), (20, 0.4)], most=2)
    assert (curve.steps, curve.values, curve.rows) == ((10, 20), (0.5, 0.4), 1)


def test_of_more_neighbours_are_replaced_by_their_mean() -> None:
    curve = thinned("a", [(1, 6.0), (2, 4.0), (3, 2.0), (4, math.nan), (5, 1.0)], most=3)
    assert curve.rows == 2
    assert curve.steps == (1.5, 3.5, 5.0)
    assert curve.values == (5.0, 2.0, 1.0), "what is no number is in no mean"


def test_where_no_number_is_left_there_is_a_gap() -> None:
    curve = thinned("a", [(1, 1.0), (2, math.nan), (3, math.inf), (4, 2.0)])
    assert curve.values[0] == 1.0
    assert math.isnan(curve.values[1])
    assert math.isnan(curve.values[2])


def test_jobs_of_a_model_share_panels_the_losses_first_the_rate_last() -> None:
    metrics = {
        "a": [
            row(1, 0.1, "lr"),
            row(2, 0.2, "lr"),
            row(2, 0.7, "mrr", "held_out"),
            row(2, 0.7, "auc", "held_out"),
            row(2, 0.7, "my_own", "held_out"),
            row(2, 0.5, "loss", "held_out"),
            row(2, 0.4),
        ],
        "b": [row(2, 0.3)],
        "c": [row(5, 0.2)],
    }
    models = {"a": "dlrm", "b": "din", "c": "dlrm"}
    dlrm, din = learning_curves_data(metrics, models, ["c", "b", "a", "without"])
    assert (dlrm.model, dlrm.jobs, dlrm.left_out) == ("dlrm", ("c", "a"), 0)
    assert [panel.title for panel in dlrm.panels] == [
        "loss in training",
        "loss on held-out data",
        "AUC on held-out data",
        "MRR on held-out data",
        "my_own on held-out data",
        "learning rate",
    ]
    assert [curve.job for curve in dlrm.panels[0].curves] == ["c", "a"]
    assert (din.model, din.jobs) == ("din", ("b",))


def test_a_learning_rate_that_never_changes_is_not_shown() -> None:
    metrics = {"a": [row(1, 0.1, "lr"), row(2, 0.1, "lr"), row(2, 0.4)]}
    (model,) = learning_curves_data(metrics, {"a": "m"}, ["a"])
    assert [panel.title for panel in model.panels] == ["loss in training"]


def test_a_learning_rate_that_falls_to_nothing_is_on_a_plain_axis() -> None:
    metrics = {"a": [row(1, 0.1, "lr"), row(2, 1e-9, "lr")]}
    (model,) = learning_curves_data(metrics, {"a": "m"}, ["a"])
    assert [panel.log for panel in model.panels] == [False]


def test_a_job_without_a_finite_number_has_no_curve() -> None:
    metrics = {"a": [row(1, 0.5)], "b": [row(1, math.nan)], "c": [row(1, math.inf)]}
    first, *others = learning_curves_data(metrics, {"a": "m", "b": "m", "c": "n"}, "abc")
    assert (first.jobs, first.blank, first.left_out) == (("a",), ("b",), 0)
    assert [curve.job for curve in first.panels[0].curves] == ["a"]
    assert others == []


def test_of_many_jobs_the_first_in_order_are_shown() -> None:
    names = [f"job-{number}" for number in range(MOST_JOBS + 3)]
    metrics = {name: [row(1, 0.5)] for name in names}
    (model,) = learning_curves_data(metrics, dict.fromkeys(names, "m"), reversed(names))
    assert model.jobs == tuple(reversed(names))[:MOST_JOBS]
    assert model.left_out == 3


@pytest.mark.parametrize(
    ("values", "log"), [((0.5, 9.0), False), ((0.5, 11.0), True), ((-1.0, 100.0), False)]
)
def test_the_axis_is_logarithmic_where_values_are_far_apart(
    values: tuple[float, ...], log: bool
) -> None:
    metrics = {"a": [row(step, value) for step, value in enumerate(values)]}
    (model,) = learning_curves_data(metrics, {"a": "m"}, ["a"])
    assert model.panels[0].log == log
    axes = draw_curves(model.panels[0], strokes(["a"])).axes[0]
    assert axes.get_yscale() == ("log" if log else "linear")


def test_each_job_has_a_colour_of_its_own() -> None:
    names = [f"job-{number}" for number in range(MOST_JOBS)]
    drawn_as = strokes(names)
    assert len({stroke.colour for stroke in drawn_as.values()}) == MOST_JOBS
    metrics = {name: [row(1, 0.5), row(2, 0.4)] for name in names}
    (model,) = learning_curves_data(metrics, dict.fromkeys(names, "m"), names)
    lines = draw_curves(model.panels[0], drawn_as).axes[0].get_lines()
    assert [line.get_color() for line in lines] == [drawn_as[name].colour for name in names]
