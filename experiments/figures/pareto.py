"""Makespan against mean completion of all configurations of a sweep, with the Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.figures.number_marks import Mark, number_marks
from experiments.figures.style import FAINT, INK, POINT, fills, log_axis, look, new_figure
from experiments.run_files.sweep_file import SweepRow
from rmixer.display.quantities import figures, seconds
from rmixer.policies.registry import POLICIES

FAMILIES = ("RMixer", "published", "baseline", "search", "your own")
_ROOMS = {"rmixer": "RMixer", "published": "published", "baselines": "baseline"}
MOST_NAMED = 14
SHOWN = 5.0
"""Configurations more times than this as long as the best in either time are left out."""
_DIAMETER_PT = 9.5


@dataclass(frozen=True)
class Point:
    """One configuration."""

    label: str
    family: str
    makespan_s: float
    mean_completion_s: float


@dataclass(frozen=True)
class Pareto:
    """The ``points``, and the ``front``: the points that no other beats in one time without losing
    in the other, from the shortest makespan to the shortest completion. ``named`` are those with a
    name in the figure."""

    points: tuple[Point, ...]
    front: tuple[Point, ...]
    named: tuple[Point, ...]
    far_off: int


def pareto_data(rows: Iterable[SweepRow], most: int = MOST_NAMED) -> Pareto:
    """The points of the rows that were simulated. Of several that are equal in both times only the
    first in ``rows`` counts. Points outside the front that are more than ``SHOWN`` times as long as
    the best in either time are left out. Of a front of more than ``most``, the ends are named, and
    others evenly between them."""
    points = [
        Point(row.label, family_of(row.policy), row.makespan_s, row.mean_completion_s)
        for row in rows
        if row.makespan_s is not None and row.mean_completion_s is not None
    ]
    front: list[Point] = []
    for point in sorted(points, key=lambda each: (each.makespan_s, each.mean_completion_s)):
        if not front or point.mean_completion_s < front[-1].mean_completion_s:
            front.append(point)
    most_s = SHOWN * min((p.makespan_s for p in points), default=0.0)
    most_mean_s = SHOWN * min((p.mean_completion_s for p in points), default=0.0)
    shown = [
        p
        for p in points
        if (p.makespan_s <= most_s and p.mean_completion_s <= most_mean_s) or p in front
    ]
    named = tuple(_evenly(front, most))
    return Pareto(tuple(shown), tuple(front), named, len(points) - len(shown))


def family_of(policy: str) -> str:
    """The family of ``policy``: its publication."""
    name = policy.partition(":")[0].partition("@")[0]
    if name == "search":
        return "search"
    kind = POLICIES.get(name)
    return _ROOMS[kind.__module__.split(".")[2]] if kind else "your own"


def _evenly(front: Sequence[Point], most: int) -> list[Point]:
    if len(front) <= most:
        return list(front)
    places = {round(i * (len(front) - 1) / (most - 1)) for i in range(most)}
    return [front[place] for place in sorted(places)]


def draw_pareto(data: Pareto, title: str = "Makespan and mean completion") -> Figure:
    """Draws a dot a configuration, both axes logarithmic; the front is a line with numbered marks,
    and a list names them."""
    shown = [family for family in FAMILIES if any(p.family == family for p in data.points)]
    colours = {family: fill.colour for family, fill in fills(FAMILIES).items()}
    with look():
        figure = new_figure(10.0, 5.2, title)
        axes, names = figure.subplots(1, 2, width_ratios=(1.75, 1.0))
        for family in shown:
            own = [p for p in data.points if p.family == family]
            axes.plot(
                [p.mean_completion_s for p in own],
                [p.makespan_s for p in own],
                "o",
                color=colours[family],
                alpha=0.45,
                markersize=3.5,
                markeredgewidth=0,
            )
        axes.plot(
            [p.mean_completion_s for p in data.front],
            [p.makespan_s for p in data.front],
            color=INK,
            linewidth=1.0,
            drawstyle="steps-pre",
            zorder=2.5,
        )
        for point in data.front:
            axes.plot(
                point.mean_completion_s,
                point.makespan_s,
                "o",
                color=colours[point.family],
                markeredgecolor=INK,
                markersize=_DIAMETER_PT,
                zorder=3,
            )
        _axes(axes, data)
        _list(names, data)
        handles = [
            Line2D([], [], color=colours[family], marker="o", linestyle="", label=family)
            for family in shown
        ]
        front = Line2D([], [], color=INK, linewidth=1.0, label="the front: none is better in both")
        figure.legend(handles=[*handles, front], loc="outside lower left", ncols=len(shown) + 1)
        figure.draw_without_rendering()
        marks = [
            Mark(str(n), p.mean_completion_s, p.makespan_s, _DIAMETER_PT, colours[p.family])
            for n, p in enumerate(data.named, start=1)
        ]
        number_marks(axes, marks)
    return figure


def _axes(axes: Axes, data: Pareto) -> None:
    axes.set_xlabel("mean completion in seconds")
    axes.set_ylabel("makespan in seconds")
    log_axis(axes, "x", [p.mean_completion_s for p in data.points])
    log_axis(axes, "y", [p.makespan_s for p in data.points])


def _list(axes: Axes, data: Pareto) -> None:
    """Lists the names of the numbered marks, with both times."""
    axes.axis("off")
    lines = [
        f"{n}  {point.label}\n     {seconds(point.makespan_s)}, "
        f"{figures(point.mean_completion_s)} s"
        for n, point in enumerate(data.named, start=1)
    ]
    head = "The front: makespan, mean completion"
    left = len(data.front) - len(data.named)
    notes = [f"{left} more on the front are not named"] if left else []
    if data.far_off:
        notes.append(f"{data.far_off} more than {SHOWN:g} times as long as the best are not shown")
    axes.text(0.0, 1.0, head, fontweight="bold", va="top", transform=axes.transAxes)
    axes.text(
        0.0,
        0.95,
        "\n".join(lines),
        va="top",
        transform=axes.transAxes,
        fontsize=POINT - 1,
        linespacing=1.25,
    )
    if notes:
        note = "\n".join(notes)
        axes.text(0.0, 0.0, note, color=FAINT, va="bottom", transform=axes.transAxes)
