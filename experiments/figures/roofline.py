"""Every operator of a step against the machine's measured limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from experiments.figures.number_marks import Mark, number_marks
from experiments.figures.operators import COLOURS, lane_label
from experiments.figures.style import BAD, FAINT, look, new_figure
from experiments.operator_class import CLASSES
from experiments.quantities import percent, size
from experiments.roofline import LaneRoofline, OperatorRate

_WIDTH_IN, _ROW_IN = 12.0, 4.6
_WHOLE_STEP_PT, _LEAST_PT = 49.0, 3.2
_NAMED, _SHAPES_CHARS, _KEY_PT = 6, 34, 6.5


@dataclass(frozen=True)
class _Dot:
    """One operator at its place in a panel; ``rate`` and ``unit`` are what the panel's y is."""

    found: OperatorRate
    x: float
    y: float
    unit: str


def draw_rooflines(lanes: Sequence[LaneRoofline], title: str) -> Figure:
    """A row a lane and thread count. Left: FLOP/s over FLOPs per byte, with the roof. Right: what
    has no FLOPs, by bytes a second over bytes a call. The area of a dot is its share of the step;
    the largest are numbered and named below; what is in neither is named there too."""
    with look():
        figure = new_figure(_WIDTH_IN, 1.1 + _ROW_IN * max(1, len(lanes)))
        grid = figure.subplots(max(1, len(lanes)), 2, squeeze=False)
        marks: list[tuple[Axes, list[Mark]]] = []
        for (left, right), lane in zip(grid, lanes, strict=False):
            computing = [
                _Dot(rate, rate.intensity, rate.gflops, "GFLOP/s") for rate in lane.computing
            ]
            moving = [
                _Dot(rate, rate.moved_bytes / rate.calls, rate.gbps, "GB/s") for rate in lane.moving
            ]
            marks.append((left, _draw_dots(figure, left, computing, "no operator with FLOPs")))
            marks.append((right, _draw_dots(figure, right, moving, "no operator without FLOPs")))
            _draw_roof(left, lane)
            _draw_bandwidth(right, lane)
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
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        figure.canvas.draw()  # places are known once the layout is
        for axes, numbered in marks:
            number_marks(axes, numbered)
    return figure


def _diameter_pt(share: float) -> float:
    """The area is in proportion to the share, down to the smallest dot that is seen."""
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


def _draw_dots(figure: Figure, axes: Axes, dots: Sequence[_Dot], none: str) -> list[Mark]:
    """Draw the dots on two logarithmic axes, with the key of the largest below; returns the marks
    to be numbered."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.scatter(
        [dot.x for dot in dots],
        [dot.y for dot in dots],
        s=[_diameter_pt(dot.found.share) ** 2 for dot in dots],
        c=[COLOURS[dot.found.kind] for dot in dots],
        alpha=0.75,
        edgecolor="white",
        linewidth=0.5,
        zorder=3,
    )
    below = ScaledTranslation(0.0, -0.52, figure.dpi_scale_trans)
    lines = [_key(number, dot) for number, dot in enumerate(dots[:_NAMED], start=1)]
    if rest := dots[_NAMED:]:
        share = sum(dot.found.share for dot in rest)
        lines.append(f"   and {len(rest)} more, {percent(share)} of the step")
    axes.text(
        0.0,
        0.0,
        "\n".join(lines or [none]),
        transform=axes.transAxes + below,
        va="top",
        fontsize=_KEY_PT,
        family="monospace",
    )
    return [
        Mark(str(number), dot.x, dot.y, _diameter_pt(dot.found.share), COLOURS[dot.found.kind])
        for number, dot in enumerate(dots[:_NAMED], start=1)
    ]


def _key(number: int, dot: _Dot) -> str:
    found = dot.found
    calls = f"{found.calls}× " if found.calls > 1 else ""
    name = f"{calls}{found.operator} {found.shapes}"
    if len(name) > _SHAPES_CHARS + 10:
        name = f"{name[: _SHAPES_CHARS + 9]}…"
    return f"{number}  {name:<44} {percent(found.share):>6}  {_short(dot.y)} {dot.unit}"


def _draw_roof(axes: Axes, lane: LaneRoofline) -> None:
    """The lower of peak and bandwidth × intensity; the limits are in the title."""
    where = lane_label(lane.lane, lane.threads)
    peak, bandwidth, ridge = lane.peak_gflops, lane.bandwidth_gbps, lane.ridge
    if peak is None or bandwidth is None or ridge is None:
        axes.set_title(f"{where}: limits not measured")
    else:
        places = [rate.intensity for rate in lane.computing]
        low, high = min([*places, ridge]) / 2, max([*places, ridge]) * 4
        axes.plot([low, ridge, high], [low * bandwidth, peak, peak], color=BAD, linewidth=1.4)
        axes.plot([ridge, ridge], [peak / 3, peak], color=BAD, linewidth=0.8, linestyle=":")
        axes.set_title(
            f"{where}: {_short(peak)} GFLOP/s, {_short(bandwidth)} GB/s, "
            f"ridge at {_short(ridge)} FLOP/byte"
        )
    axes.set_xlabel("FLOP/byte")
    axes.set_ylabel("GFLOP/s")


def _draw_bandwidth(axes: Axes, lane: LaneRoofline) -> None:
    if lane.bandwidth_gbps is not None:
        axes.axhline(lane.bandwidth_gbps, color=BAD, linewidth=1.4)
    idle = sum(lane.idle.values())
    largest = ", ".join(f"{name} {percent(share)}" for name, share in list(lane.idle.items())[:3])
    axes.set_title(
        f"without FLOPs. In neither: {percent(idle)} ({largest})" if idle else "without FLOPs"
    )
    axes.set_xlabel("bytes a call")
    axes.set_ylabel("GB/s")
    if lane.moving:
        axes.xaxis.set_major_formatter(lambda value, _place: size(value))


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
