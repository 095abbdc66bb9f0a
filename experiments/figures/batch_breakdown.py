"""The shares of kinds of operators in a step as the batch grows, on every lane and thread count.

DeepRecSys (ISCA 2020) compares its models by this figure; here the time between operators has its
own share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from experiments.figures.operators import COLOURS, Breakdown, draw_stack, lane_label, operators_data
from experiments.figures.style import (
    FAINT,
    keep_grid,
    look,
    new_figure,
)
from experiments.operators.operator_class import CLASSES
from rmixer.display.quantities import milliseconds
from rmixer.model_profile.model_profile import ModelProfile

_BAR_IN, _LABEL_PT, _PANEL_HEIGHT_IN, _PANELS_A_ROW = 0.62, 7.0, 2.9, 3


@dataclass(frozen=True)
class LanePanel:
    """One lane at one thread count: a breakdown for each batch size, the smallest first."""

    label: str
    bars: tuple[Breakdown, ...]


def batch_breakdown_data(profiles: Iterable[ModelProfile]) -> list[LanePanel]:
    """A panel for every lane and thread count in ``profiles``, which are of one model at several
    batch sizes, each size once."""
    by_batch = {profile.identity.batch: profile for profile in profiles}
    found = operators_data(by_batch[batch] for batch in sorted(by_batch))
    lanes = sorted({(bar.lane, bar.threads) for bar in found})
    return [
        LanePanel(
            lane_label(lane, threads),
            tuple(bar for bar in found if (bar.lane, bar.threads) == (lane, threads)),
        )
        for lane, threads in lanes
    ]


def draw_batch_breakdown(panels: Sequence[LanePanel], title: str) -> Figure:
    """A panel a lane and thread count, a stacked bar a batch size; above each bar the step."""
    with look():
        columns = max(1, min(_PANELS_A_ROW, len(panels)))
        rows = max(1, math.ceil(len(panels) / columns))
        bars = max((len(panel.bars) for panel in panels), default=1)
        panel_in = max(2.2, 0.4 + _BAR_IN * bars)
        figure = new_figure(
            max(6.5, 0.5 + columns * panel_in), 0.9 + rows * (_PANEL_HEIGHT_IN + 0.5), title
        )
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw_panel(axes, panel)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes in grid[:, 0]:
            axes.set_ylabel("share of the step")
        present = [
            name
            for name in CLASSES
            if any(name in bar.by_class for panel in panels for bar in panel.bars)
        ]
        figure.legend(
            handles=[Patch(facecolor=COLOURS[name], label=name) for name in present],
            loc="outside lower left",
            ncols=4,
            handlelength=1.2,
        )
    return figure


def _draw_panel(axes: Axes, panel: LanePanel) -> None:
    for place, bar in enumerate(panel.bars):
        draw_stack(axes, place, bar.by_class, CLASSES, _PANEL_HEIGHT_IN, upright=True)
        axes.text(
            place,
            1.015,
            milliseconds(bar.step_ms).removesuffix(" ms"),
            ha="center",
            va="bottom",
            fontsize=_LABEL_PT,
            color=FAINT,
        )
    axes.set_title(panel.label, pad=14)
    axes.set_xticks(range(len(panel.bars)), [str(bar.batch) for bar in panel.bars])
    axes.set_xlim(-0.6, max(4, len(panel.bars)) - 0.4)  # a lone bar is no wall
    axes.set_ylim(0, 1)
    axes.set_xlabel("batch (above each bar: ms a step)")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.tick_params(axis="x", length=0)
    keep_grid(axes, "y")
