"""Policies compared: what is shown of a sweep, and that it can be drawn."""

from __future__ import annotations

import pytest
from fake_runs import SWEEP
from matplotlib.figure import Figure

from experiments.figures.policies import draw_policies, policies_data
from experiments.run_files.sweep_file import SweepRow
from rmixer.scheduling.layout import Cut

MANY = [SweepRow("dyType", 0, slots, 0, 1, makespan_s=float(slots)) for slots in range(1, 41)]
MANY += [
    SweepRow("sequential", 0, 1, 0, 8, makespan_s=100.0, speedup=1.0),
    SweepRow("all_at_once", 0, 40, 0, 1, makespan_s=60.0),
]


def cpu(slots: int, threads: int) -> Cut:
    return Cut(0, slots, 0, threads)


def test_bars_are_ranked_and_pruned_rows_are_not_shown() -> None:
    data = policies_data(SWEEP, {("sequential", cpu(1, 2)): (43.0,)})
    assert [bar.makespan_s for bar in data.bars] == [27.9, 28.6, 29.8, 33.0, 41.2]
    assert [bar.measured_s for bar in data.bars] == [(), (), (), (), (43.0,)]
    assert data.left_out == 0


def test_of_many_the_best_every_policy_and_what_was_executed_are_shown() -> None:
    data = policies_data(MANY, {("dyType", cpu(30, 1)): (31.0, 32.0)}, most=5)
    labels = [bar.label for bar in data.bars]
    assert labels == [
        *(f"dyType, CPU {slots} × 1" for slots in (1, 2, 3, 4, 5, 30)),
        "all_at_once, CPU 40 × 1",
        "sequential, CPU 1 × 8",
    ]
    assert data.left_out == 42 - 8


@pytest.mark.parametrize("rows", [SWEEP, SWEEP[:1], ()])
def test_it_draws(rows: tuple[SweepRow, ...]) -> None:
    data = policies_data(rows, {("dyType", cpu(2, 1)): (28.4, 29.0)})
    figure = draw_policies(data)
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    assert len(figure.axes[0].patches) == len(data.bars)


def test_words_beside_the_bars_stay_inside_the_axes() -> None:
    figure = draw_policies(policies_data(SWEEP, {("sequential", cpu(1, 2)): (43.0, 44.0)}))
    figure.canvas.draw()
    axes = figure.axes[0]
    for text in axes.texts:
        assert text.get_window_extent().x1 <= axes.get_window_extent().x1
