"""Learning curves: the loss and metrics of jobs over the steps, a panel for each, grouped by
model."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    StrMethodFormatter,
)

from experiments.figures.style import fills, keep_grid, look, new_figure
from experiments.tables.trained_table import METRICS
from rmixer.run_record.metrics import Metric, last_of_each_step

MOST_JOBS, MOST_POINTS = 8, 150
_FEW_POINTS, _LOG_RATIO = 30, 20.0
_WIDTH_IN, _HEIGHT_IN = 4.2, 2.7
_DASHES = ("", "5 2")
_SPLITS = {"train": "in training", "held_out": "on held-out data"}
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """A figure of one job: ``values`` after ``steps`` steps. If it has too many rows to draw, each
    point is the mean of ``rows`` of them."""

    job: str
    steps: tuple[float, ...]
    values: tuple[float, ...]
    rows: int = 1


@dataclass(frozen=True)
class CurvePanel:
    """One figure of several jobs; with ``log`` its axis is logarithmic."""

    title: str
    curves: tuple[Curve, ...]
    log: bool


@dataclass(frozen=True)
class ModelCurves:
    """The panels of one model. ``jobs`` are shown; ``blank`` would be shown if they had a finite
    number; ``left_out`` counts further ones."""

    model: str
    jobs: tuple[str, ...]
    blank: tuple[str, ...]
    left_out: int
    panels: tuple[CurvePanel, ...]


@dataclass(frozen=True)
class Stroke:
    """The style of a job's curves: a colour (``#0173b2``), and dashes in SVG's form."""

    colour: str
    dashes: str


def learning_curves_data(
    metrics: Mapping[str, Sequence[Metric]], models: Mapping[str, str], order: Iterable[str]
) -> list[ModelCurves]:
    """Panels for each model with metrics, in the ``order`` of its jobs: the first 8 with metrics,
    without those that have no finite number. The metrics of other jobs are not read."""
    by_model: dict[str, list[str]] = {}
    for job in order:
        if job in metrics:
            by_model.setdefault(models[job], []).append(job)
    found = []
    for model, jobs in by_model.items():
        panels = _panels(jobs[:MOST_JOBS], metrics)
        drawn = {curve.job for panel in panels for curve in panel.curves}
        shown = tuple(job for job in jobs[:MOST_JOBS] if job in drawn)
        blank = tuple(job for job in jobs[:MOST_JOBS] if job not in drawn)
        found.append(ModelCurves(model, shown, blank, len(jobs[MOST_JOBS:]), panels))
    return [model for model in found if model.panels]


def _panels(jobs: Sequence[str], metrics: Mapping[str, Sequence[Metric]]) -> tuple[CurvePanel, ...]:
    curves: dict[tuple[str, str], list[Curve]] = {}
    for job in jobs:
        for key, points in last_of_each_step(metrics[job]).items():
            if any(math.isfinite(value) for _, value in points):
                curves.setdefault(key, []).append(thinned(job, points))
    found = []
    for split, metric in sorted(curves, key=_panel_order):
        own = tuple(curves[split, metric])
        if metric != "lr" or any(len(set(curve.values)) > 1 for curve in own):
            log = metric != "lr" and _needs_log(own)  # a rate may fall to next to nothing
            found.append(CurvePanel(_title(split, metric), own, log))
    return tuple(found)


def thinned(job: str, points: Points, most: int = MOST_POINTS) -> Curve:
    """A curve of at most ``most`` points: groups of neighbours are replaced by the mean of their
    finite values, and the curve has a gap where there is none."""
    rows = max(1, math.ceil(len(points) / most))
    groups = [points[first : first + rows] for first in range(0, len(points), rows)]
    return Curve(
        job,
        tuple(statistics.fmean(step for step, _ in group) for group in groups),
        tuple(_mean([value for _, value in group if math.isfinite(value)]) for group in groups),
        rows,
    )


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else math.nan


def _panel_order(key: tuple[str, str]) -> tuple[int, str]:
    split, metric = key
    if metric == "loss":
        return (0 if split == "train" else 1), ""
    if metric == "lr":
        return 5, ""
    if split == "train":
        return 4, metric
    known = list(METRICS)
    return (2, f"{known.index(metric):02}") if metric in known else (3, metric)


def _title(split: str, metric: str) -> str:
    if metric == "lr":
        return "learning rate"
    return f"{METRICS.get(metric, metric)} {_SPLITS[split]}"


def _needs_log(curves: Iterable[Curve]) -> bool:
    """True if some values are so much larger than others that these would lie on the axis."""
    values = [value for curve in curves for value in curve.values if math.isfinite(value)]
    return bool(values) and min(values) > 0 and max(values) > _LOG_RATIO * min(values)


def strokes(jobs: Sequence[str]) -> dict[str, Stroke]:
    """A stroke for each of ``jobs``: eight colours, with other dashes for every second job."""
    return {
        job: Stroke(to_hex(fill.colour), _DASHES[place % 2])
        for place, (job, fill) in enumerate(fills(jobs).items())
    }


def draw_curves(panel: CurvePanel, drawn_as: Mapping[str, Stroke]) -> Figure:
    """Draws one panel, without a legend: it is small enough for a phone."""
    with look():
        figure = new_figure(_WIDTH_IN, _HEIGHT_IN)
        axes = figure.subplots()
        for curve in panel.curves:
            _draw(axes, curve, drawn_as[curve.job])
        axes.set_title(f"{panel.title}{' (logarithmic)' if panel.log else ''}")
        axes.set_xlabel("training steps")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
        axes.set_xlim(left=0)
        if panel.log:
            axes.set_yscale("log")
            low, high = axes.get_ylim()
            subs = (1.0, 2.0, 5.0) if high < 200 * low else (1.0,)
            axes.yaxis.set_major_locator(LogLocator(10, subs=subs, numticks=6))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        keep_grid(axes, "y")
    return figure


def _draw(axes: Axes, curve: Curve, stroke: Stroke) -> None:
    dashes = tuple(map(float, stroke.dashes.split()))
    axes.plot(
        curve.steps,
        curve.values,
        color=stroke.colour,
        linewidth=1.3,
        linestyle=(0, dashes) if dashes else "solid",
        marker="o" if len(curve.steps) <= _FEW_POINTS else "",
        markersize=3.2,
    )


def _thousands(value: float, _place: int | None = None) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e4 else f"{value:g}"
