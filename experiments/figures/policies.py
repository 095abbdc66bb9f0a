"""Policies compared by the predicted makespan of each configuration of a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.figures.style import (
    BAD,
    FAINT,
    GOOD,
    INK,
    POINT,
    look,
    name_rows,
    new_figure,
    text_width_in,
)
from experiments.run_files.sweep_file import SweepRow, ranked
from rmixer.display.quantities import seconds
from rmixer.scheduling.layout import Cut

_WIDTH_IN, _GAP = 10.0, 0.016
Configuration = tuple[str, Cut]


@dataclass(frozen=True)
class PolicyBar:
    """One configuration. ``measured_s`` are the makespans of its executions, if any."""

    label: str
    makespan_s: float
    speedup: float | None
    measured_s: tuple[float, ...]


@dataclass(frozen=True)
class PolicyBars:
    """Bars from the best to the worst; ``left_out`` counts those not shown."""

    bars: tuple[PolicyBar, ...]
    left_out: int


def policies_data(
    rows: Iterable[SweepRow],
    measured: Mapping[Configuration, tuple[float, ...]] | None = None,
    most: int = 24,
) -> PolicyBars:
    """The simulated rows ranked by predicted makespan.

    ``measured`` has the makespans of executions by policy and cut. If there are more than ``most``
    rows, the best are shown, and also each that was executed and the best of every other policy.
    """
    executed = measured or {}
    simulated = [row for row in ranked(rows) if row.makespan_s is not None]
    shown, policies = [], set()
    for rank, row in enumerate(simulated):
        wanted = (row.policy, row.cut) in executed or row.policy not in policies
        if rank < most or wanted:
            shown.append(row)
            policies.add(row.policy)
    return PolicyBars(
        bars=tuple(
            PolicyBar(
                label=row.label,
                makespan_s=row.makespan_s or 0.0,
                speedup=row.speedup,
                measured_s=executed.get((row.policy, row.cut), ()),
            )
            for row in shown
        ),
        left_out=len(simulated) - len(shown),
    )


def draw_policies(data: PolicyBars, title: str = "Policies compared") -> Figure:
    """Draws a bar a configuration, the best first and in colour; diamonds are executions."""
    with look():
        figure = new_figure(_WIDTH_IN, 1.6 + 0.3 * max(1, len(data.bars)), title)
        axes = figure.subplots()
        width_s = _axis_s(data)
        for place, bar in enumerate(data.bars):
            colour = GOOD if place == 0 else "#b9c4cc"
            axes.barh(place, bar.makespan_s, height=0.7, color=colour, linewidth=0)
            axes.plot(
                bar.measured_s,
                [place] * len(bar.measured_s),
                "D",
                color=BAD,
                markeredgecolor="white",
                markersize=7,
            )
            axes.text(
                _end_s(bar) + _GAP * width_s,
                place,
                _words(bar),
                va="center",
                color=INK,
                fontweight="bold" if place == 0 else "normal",
            )
        name_rows(axes, [bar.label for bar in data.bars])
        axes.set_xlim(0, width_s)
        axes.set_xlabel("makespan in seconds")
        if data.left_out:
            note = f"{data.left_out} configurations in between are not shown"
            axes.set_title(note, color=FAINT, fontsize=POINT, fontweight="normal", loc="right")
        figure.legend(handles=_legend(data), loc="outside lower left", ncols=3)
    return figure


def _end_s(bar: PolicyBar) -> float:
    return max(bar.makespan_s, *bar.measured_s, 0.0)


def _axis_s(data: PolicyBars) -> float:
    """The length of the axis that gives every bar and the words next to it room."""
    label_in = max((text_width_in(bar.label) for bar in data.bars), default=0.0)
    room_in = _WIDTH_IN - label_in - 0.3
    ends = [
        _end_s(bar) / max(0.2, 1 - _GAP - 1.12 * text_width_in(_words(bar)) / room_in)
        for bar in data.bars
    ]
    return max(ends, default=0.0) or 1.0


def _words(bar: PolicyBar) -> str:
    words = seconds(bar.makespan_s)
    if bar.speedup is not None:
        words += f" ({bar.speedup:.2f}×)"
    if bar.measured_s:
        words += ", executed " + ", ".join(seconds(value) for value in bar.measured_s)
    return words


def _legend(data: PolicyBars) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = [Patch(facecolor=GOOD, label="best predicted")]
    if len(data.bars) > 1:
        handles.append(Patch(facecolor="#b9c4cc", label="predicted (× against sequential)"))
    if any(bar.measured_s for bar in data.bars):
        mark = Line2D([], [], color=BAD, marker="D", linestyle="", label="executed")
        handles.append(mark)
    return handles
