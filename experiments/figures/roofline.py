"""Every operator of a step compared with the machine's measured limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, NullFormatter
from matplotlib.transforms import ScaledTranslation

from experiments.figures.number_marks import Mark, number_marks
from experiments.figures.operators import COLOURS, lane_label
from experiments.figures.style import BAD, FAINT, look, new_figure
from experiments.operators.operator_class import CLASSES
from experiments.operators.roofline import LaneRoofline, OperatorRate
from rmixer.display.quantities import percent

_WIDTH_IN, _ROW_IN = 12.0, 4.6
_WHOLE_STEP_PT, _LEAST_PT = 49.0, 3.2
_NAMED, _NAME_CHARS, _KEY_PT = 6, 60, 6.5
_SEEN_SHARE = 0.002


@dataclass(frozen=True)
class _Dot:
    """One operator at its place in a panel; ``rate`` and ``unit`` are the panel's y."""

    found: OperatorRate
    x: float
    y: float
    unit: str


def draw_rooflines(lanes: Sequence[LaneRoofline], title: str) -> Figure:
    """Draws a row a lane and thread count. Left: FLOP/s over FLOPs per byte, with the roof. Right:
    operators without FLOPs, by bytes a second over bytes a call. The area of a dot is its share of
    the step; the largest are numbered and named below, with the time in neither panel. Dots of less
    than 0.2% may be beyond the others: they are drawn at the frame."""
    with look():
        figure = new_figure(_WIDTH_IN, 1.1 + _ROW_IN * max(1, len(lanes)), title)
        kind = {"xscale": "log", "yscale": "log", "autoscale_on": False}
        grid = figure.subplots(max(1, len(lanes)), 2, squeeze=False, subplot_kw=kind)
        for axis in (each for axes in grid.flat for each in (axes.xaxis, axes.yaxis)):
            axis.set_major_formatter("{x:g}")  # matplotlib's has powers, which need its own markup
            axis.set_minor_formatter(NullFormatter())
        marks: list[tuple[Axes, list[Mark]]] = []
        for (left, right), lane in zip(grid, lanes, strict=False):
            computing = [
                _Dot(rate, rate.intensity, rate.gflops, "GFLOP/s") for rate in lane.computing
            ]
            moving = [
                _Dot(rate, rate.moved_bytes / rate.calls, rate.gbps, "GB/s") for rate in lane.moving
            ]
            marks.append((left, _draw_dots(left, computing, _roof(left, lane))))
            marks.append((right, _draw_dots(right, moving, _bandwidth(right, lane))))
            if computing:
                _write_key(figure, left, computing, [])
            else:  # a link
                left.set_axis_off()
            _write_key(figure, right, moving, _idle_lines(lane))
        kinds = {rate.kind for lane in lanes for rate in (*lane.computing, *lane.moving)}
        figure.legend(
            handles=[
                *(Patch(facecolor=COLOURS[kind], label=kind) for kind in CLASSES if kind in kinds),
                *(_area_handle(share) for share in (0.01, 0.1)),
                Line2D([], [], color=BAD, linewidth=1.4, label="measured limit"),
            ],
            loc="outside lower left",
            ncols=9,
            handlelength=1.2,
            columnspacing=1.2,
        )
        figure.canvas.draw()  # places are known once the layout is
        for axes, numbered in marks:
            number_marks(axes, numbered)
    return figure


def _diameter_pt(share: float) -> float:
    """The diameter for an area in proportion to the share, with a visible least size."""
    return max(_LEAST_PT, _WHOLE_STEP_PT * math.sqrt(share))


def _area_handle(share: float) -> Line2D:
    return Line2D(
        [],
        [],
        linestyle="",
        marker="o",
        color=FAINT,
        markersize=_diameter_pt(share),
        label=f"{share:.0%} of the step",
    )


def _draw_dots(
    axes: Axes, dots: Sequence[_Dot], limits: Sequence[tuple[float, float]]
) -> list[Mark]:
    """Draws the dots, on axes that show them and the points ``limits``; returns the marks of the
    largest, to be numbered."""
    seen = [dot for dot in dots if dot.found.share >= _SEEN_SHARE] or dots
    x_range = _range([dot.x for dot in seen] + [x for x, _ in limits])
    y_range = _range([dot.y for dot in seen] + [y for _, y in limits])
    xs, ys = np.clip([dot.x for dot in dots], *x_range), np.clip([dot.y for dot in dots], *y_range)
    axes.scatter(
        xs,
        ys,
        s=[_diameter_pt(dot.found.share) ** 2 for dot in dots],
        c=[COLOURS[dot.found.kind] for dot in dots],
        alpha=0.75,
        edgecolor="white",
        linewidth=0.5,
        zorder=3,
        clip_on=False,
    )
    axes.set_xlim(x_range)
    axes.set_ylim(y_range)
    return [
        Mark(str(at + 1), xs[at], ys[at], _diameter_pt(dot.found.share), COLOURS[dot.found.kind])
        for at, dot in enumerate(dots[:_NAMED])
    ]


def _range(values: Sequence[float]) -> tuple[float, float]:
    """From half a decade below the smallest value to half a decade above the largest."""
    return (min(values) / 3, max(values) * 3) if values else (0.1, 10.0)


def _roof(axes: Axes, lane: LaneRoofline) -> list[tuple[float, float]]:
    """Draws the lower of peak and bandwidth × intensity; the limits are in the title. Returns the
    points that must be visible."""
    axes.set_xlabel("FLOP/byte")
    axes.set_ylabel("GFLOP/s")
    where = lane_label(lane.lane, lane.threads)
    peak, bandwidth, ridge = lane.peak_gflops, lane.bandwidth_gbps, lane.ridge
    if peak is None or bandwidth is None or ridge is None:
        axes.set_title(where if not lane.computing else f"{where}: limits not measured")
        return []
    far = 1e6
    axes.plot([ridge / far, ridge, ridge * far], [peak / far, peak, peak], color=BAD, linewidth=1.4)
    axes.plot([ridge, ridge], [peak / 3, peak], color=BAD, linewidth=0.8, linestyle=":")
    axes.set_title(
        f"{where}: {_short(peak)} GFLOP/s, {_short(bandwidth)} GB/s, "
        f"ridge at {_short(ridge)} FLOP/byte"
    )
    return [(ridge, peak)]


def _bandwidth(axes: Axes, lane: LaneRoofline) -> list[tuple[float, float]]:
    """Draws the measured bandwidth. Returns a point that must be visible."""
    axes.set_title("without FLOPs: bytes alone")
    axes.set_xlabel("bytes a call")
    axes.set_ylabel("GB/s")
    axes.xaxis.set_major_formatter(EngFormatter("B"))
    if lane.bandwidth_gbps is None:
        return []
    axes.axhline(lane.bandwidth_gbps, color=BAD, linewidth=1.4)
    return [(rate.moved_bytes / rate.calls, lane.bandwidth_gbps) for rate in lane.moving[:1]]


def _write_key(figure: Figure, axes: Axes, dots: Sequence[_Dot], more: Sequence[str]) -> None:
    """Writes the names of the numbered dots below the axes."""
    lines = [_key(number, dot) for number, dot in enumerate(dots[:_NAMED], start=1)]
    if rest := dots[_NAMED:]:
        share = sum(dot.found.share for dot in rest)
        lines.append(f"   {f'and {len(rest)} more':<{_NAME_CHARS}} {percent(share):>6}")
    below = ScaledTranslation(0.0, -0.52, figure.dpi_scale_trans)
    axes.text(
        0.0,
        0.0,
        "\n".join([*(lines or ["   none"]), *more]),
        transform=axes.transAxes + below,
        va="top",
        fontsize=_KEY_PT,
        family="monospace",
    )


def _key(number: int, dot: _Dot) -> str:
    found = dot.found
    calls = f"{found.calls}× " if found.calls > 1 else ""
    name = f"{calls}{found.operator} {found.shapes}"
    if len(name) > _NAME_CHARS:
        name = f"{name[: _NAME_CHARS - 1]}…"
    return (
        f"{number}  {name:<{_NAME_CHARS}} {percent(found.share):>6}  {_short(dot.y):>6} {dot.unit}"
    )


def _idle_lines(lane: LaneRoofline) -> list[str]:
    """Lines about the time in neither panel."""
    if not lane.idle:
        return []
    largest = ", ".join(f"{name} {percent(share)}" for name, share in list(lane.idle.items())[:2])
    text = f"in neither panel ({largest})"
    return [f"   {text:<{_NAME_CHARS}} {percent(sum(lane.idle.values())):>6}"]


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
