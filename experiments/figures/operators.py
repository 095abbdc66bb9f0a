"""The time of a training step by kind of operator, and by phase."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from matplotlib.transforms import ScaledTranslation

from experiments.figures.style import look, name_rows, new_figure, text_width_in, write_on
from experiments.operators.operator_class import CLASSES, GAPS, operator_class
from rmixer.display.quantities import milliseconds
from rmixer.model_profile.model_profile import Kind, ModelProfile
from rmixer.operators.operator_cost import COMMUNICATION, PHASES, UNKNOWN_PHASE

_WIDTH_IN, _LABEL_PT = 11.0, 7.0
MOST_IDLE = 0.99
"""A link that is idle for longer than this share of a step is not shown."""
_PALETTE = sns.color_palette("colorblind")
COLOURS = {
    "input and copies": _PALETTE[0],
    "embedding rows": _PALETTE[1],
    "matrix products": _PALETTE[2],
    "moving data": _PALETTE[3],
    "elementwise": _PALETTE[4],
    "optimizer": _PALETTE[5],
    "input": _PALETTE[0],
    "copy": _PALETTE[6],
    "forward": _PALETTE[9],
    "backward": _PALETTE[8],
    COMMUNICATION: _PALETTE[7],
    UNKNOWN_PHASE: (0.6, 0.6, 0.6),
    GAPS: (0.83, 0.83, 0.83),
}
"""The colour of each class of operators and each phase, in every figure."""
_PHASES = (*PHASES, COMMUNICATION, UNKNOWN_PHASE, GAPS)


@dataclass(frozen=True)
class Breakdown:
    """One model on one lane at one thread count: the mean step without the profiler in
    milliseconds, and the share of each class and each phase in the sum of operators and gaps, which
    sum to one."""

    label: str
    batch: int
    lane: str
    threads: int
    step_ms: float
    by_class: dict[str, float]
    by_phase: dict[str, float]


def operators_data(profiles: Iterable[ModelProfile]) -> list[Breakdown]:
    """A breakdown for every lane and thread count of every profile, in order, without nearly idle
    links."""
    breakdowns = []
    for profile in profiles:
        steps_us = {step.place: step.mean_us for step in profile.steps}
        for lane, threads in dict.fromkeys((c.lane, c.threads) for c in profile.operators):
            time_us: dict[str, float] = defaultdict(float)
            phase_us: dict[str, float] = defaultdict(float)
            for cost in profile.operators:
                if (cost.lane, cost.threads) != (lane, threads):
                    continue
                time_us[operator_class(cost)] += cost.mean_us
                time_us[GAPS] += cost.gap_before_us
                phase_us[cost.phase or UNKNOWN_PHASE] += cost.mean_us
                phase_us[GAPS] += cost.gap_before_us
            total_us = sum(time_us.values())
            if lane == "link" and time_us[GAPS] > MOST_IDLE * total_us:
                continue
            identity = profile.identity
            device: Kind = "cpu" if lane == "cpu" else "gpu"
            breakdowns.append(
                Breakdown(
                    label=f"{identity.label} b{identity.batch}, {lane_label(lane, threads)}",
                    batch=identity.batch,
                    lane=lane,
                    threads=threads,
                    step_ms=steps_us.get((device, threads), total_us) / 1e3,
                    by_class=_shares(time_us, CLASSES, total_us),
                    by_phase=_shares(phase_us, _PHASES, total_us),
                )
            )
    return breakdowns


def lane_label(lane: str, threads: int) -> str:
    """``2 threads``, ``gpu, 1 thread``; the CPU is not named."""
    where = "" if lane == "cpu" else f"{lane}, "
    return f"{where}{threads} {'thread' if threads == 1 else 'threads'}"


def _shares(time_us: dict[str, float], names: Sequence[str], total_us: float) -> dict[str, float]:
    return {name: time_us[name] / total_us for name in names if total_us and time_us[name] > 0}


def draw_operators(
    breakdowns: Sequence[Breakdown], title: str = "Where a training step's time goes"
) -> Figure:
    """Draws two panels of stacked bars, a bar a breakdown: by kind of operator and by phase."""
    with look():
        figure = new_figure(_WIDTH_IN, 1.9 + 0.36 * max(1, len(breakdowns)), title)
        left, right = figure.subplots(1, 2, sharey=True)
        kinds, phases = [b.by_class for b in breakdowns], [b.by_phase for b in breakdowns]
        _draw_stacks(figure, left, "by kind of operator", CLASSES, kinds)
        _draw_stacks(figure, right, "by phase", _PHASES, phases)
        for axes in (left, right):
            name_rows(axes, [f"{b.label}: {milliseconds(b.step_ms)}" for b in breakdowns])
    return figure


def draw_stack(
    axes: Axes,
    place: int,
    stack: Mapping[str, float],
    names: Iterable[str],
    length_in: float,
    upright: bool = False,
) -> None:
    """Draws a bar of shares that is about ``length_in`` long; each share is written where it
    fits."""
    start = 0.0
    for name in names:
        share, colour = stack.get(name, 0.0), COLOURS[name]
        label, room_in = f"{share:.0%}", share * length_in
        middle = start + share / 2
        if upright:
            axes.bar(place, share, 0.82, start, color=colour, edgecolor="white", linewidth=0.6)
            x, y, fits = float(place), middle, room_in > 0.17
        else:
            axes.barh(place, share, 0.72, start, color=colour, edgecolor="white", linewidth=0.6)
            x, y, fits = middle, float(place), text_width_in(label, _LABEL_PT) + 0.08 < room_in
        if fits:
            write_on(axes, x, y, label, colour, _LABEL_PT)
        start += share


def _draw_stacks(
    figure: Figure,
    axes: Axes,
    title: str,
    names: Sequence[str],
    stacks: Sequence[dict[str, float]],
) -> None:
    present = [name for name in names if any(name in stack for stack in stacks)]
    for place, stack in enumerate(stacks):
        draw_stack(axes, place, stack, present, 0.36 * _WIDTH_IN)
    axes.set_title(title)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the step")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    below_axis = ScaledTranslation(0.0, -0.55, figure.dpi_scale_trans)
    axes.legend(
        handles=[Patch(facecolor=COLOURS[name], label=name) for name in present],
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=axes.transAxes + below_axis,
        borderaxespad=0.0,
        ncols=3,
        handlelength=1.2,
    )
