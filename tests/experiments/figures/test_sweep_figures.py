"""Figures of a sweep: the front, completions, use over time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from experiments.explaining.resource_use import ResourceUse
from experiments.figures.completions import completions_data, draw_completions
from experiments.figures.pareto import draw_pareto, family_of, pareto_data
from experiments.figures.use_over_time import draw_use, use_data
from experiments.run_files.sweep_file import SweepRow
from rmixer.testing.made_up import GIB, make_machine


def row(policy: str, makespan_s: float, mean_s: float, slots: int = 1) -> SweepRow:
    return SweepRow(policy, 0, slots, 0, 1, makespan_s=makespan_s, mean_completion_s=mean_s)


def test_the_front_is_what_none_is_better_than_in_both() -> None:
    rows = [
        row("lpt", 10.0, 8.0),
        row("dyMix", 10.0, 9.0),  # as short, completions later
        row("gavel", 12.0, 5.0),
        row("dyType", 12.0, 5.0),  # equal to one that comes first
        row("horus", 13.0, 6.0),
        row("dySequ", 14.0, 4.0),
        SweepRow("lucid", why="out of memory"),
    ]
    found = pareto_data(rows)
    assert [point.label.partition(",")[0] for point in found.front] == ["lpt", "gavel", "dySequ"]
    assert found.named == found.front
    assert len(found.points) == 6


def test_far_off_points_are_counted_but_never_of_the_front() -> None:
    rows = [row("lpt", 10.0, 100.0), row("dyMix", 60.0, 10.0), row("mps", 61.0, 60.0)]
    found = pareto_data(rows)
    assert [point.makespan_s for point in found.points] == [10.0, 60.0]
    assert found.far_off == 1


def test_of_a_long_front_the_ends_and_some_between_are_named() -> None:
    rows = [row("lpt", 10.0 + i, 20.0 - i, slots=i + 1) for i in range(9)]
    assert [p.makespan_s for p in pareto_data(rows, most=3).named] == [10.0, 14.0, 18.0]


@pytest.mark.parametrize(
    ("policy", "family"),
    [
        ("dyMix@dySequ:beta=2", "RMixer"),
        ("gavel", "published"),
        ("sequential", "baseline"),
        ("search", "search"),
        ("my_policies:Mine", "your own"),
    ],
)
def test_families(policy: str, family: str) -> None:
    assert family_of(policy) == family


def test_numbers_of_the_front_cover_no_other() -> None:
    rows = [row("lpt", 10.0 + 0.01 * i, 20.0 - 0.01 * i, slots=i + 1) for i in range(12)]
    figure = draw_pareto(pareto_data(rows))
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 12
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)


@pytest.mark.parametrize("rows", [[], [row("lpt", 3.0, 2.0)]])
def test_a_front_of_few_draws(rows: list[SweepRow]) -> None:
    draw_pareto(pareto_data(rows)).canvas.draw()


def test_shares_of_jobs_done() -> None:
    (curve,) = completions_data({"lpt": (4.0, 1.0, 1.0, 2.0), "nothing": ()})
    assert curve.times_s == (1.0, 1.0, 2.0, 4.0)
    assert curve.shares == (0.25, 0.5, 0.75, 1.0)
    assert curve.mean_s == 2.0


def test_completions_draw_one_at_a_time_in_grey() -> None:
    curves = completions_data({"lpt": (1.0, 2.0), "sequential": (1.0, 3.0)})
    axes = draw_completions(curves).axes[0]
    colours = {line.get_label().partition(":")[0]: line.get_color() for line in axes.lines}
    assert colours["sequential"] == "#8a8a8a"
    assert axes.get_xscale() == "log"
    assert draw_completions(completions_data({"lpt": (0.0, 2.0)})).axes[0].get_xscale() == "linear"


USE = ResourceUse(
    np.array([0.0, 1.0, 4.0]),
    np.array([2.0, 4.0]),
    {"gpu:0": np.array([0.5, 1.0]), "gpu:1": np.array([0.0, 0.0])},
    {"gpu:0": np.array([2.0 * GIB, 4.0 * GIB]), "cpu:0": np.array([1.0 * GIB, 0.0])},
)


def test_use_against_what_there_is() -> None:
    panels = use_data(USE, make_machine(cores=4, gpus=2)).panels
    assert [panel.title for panel in panels] == [
        "host cores held",
        "GPUs busy",
        "memory of GPUs",
        "memory of the host",
    ]
    assert [panel.limit for panel in panels] == [4.0, 2.0, 32.0, 8.0]
    assert panels[0].note == "3.5 of 4 cores in the mean (88%)"
    assert panels[1].note == "44% in the mean, 0% to 88%"
    assert panels[2].note == "at most 4.00 GiB of 32.0 GiB"


def test_use_draws_a_panel_each_with_its_limit_where_that_is_near() -> None:
    figure = draw_use(use_data(USE, make_machine(cores=4, gpus=2)))
    figure.canvas.draw()
    assert len(figure.axes) == 4
    assert [len(axes.lines) for axes in figure.axes] == [1, 1, 0, 0]
    empty = ResourceUse(np.zeros(0), np.zeros(0), {}, {})
    draw_use(use_data(empty, make_machine())).canvas.draw()
