"""The share of jobs that are done over time, for the best policies of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments.figures.style import FAINT, INK, fills, log_axis, look, new_figure
from rmixer.display.quantities import seconds

BASELINE = "sequential"


@dataclass(frozen=True)
class Curve:
    """``times_s[i]`` after their arrival a share ``shares[i]`` of the jobs is done."""

    label: str
    times_s: tuple[float, ...]
    shares: tuple[float, ...]
    mean_s: float


def completions_data(completions_s: Mapping[str, Sequence[float]]) -> tuple[Curve, ...]:
    """The empirical distribution of each configuration, by label, in the order given;
    configurations without a job are left out."""
    curves = []
    for label, given in completions_s.items():
        times_s = sorted(given)
        if times_s:
            shares = tuple((i + 1) / len(times_s) for i in range(len(times_s)))
            curves.append(Curve(label, tuple(times_s), shares, fmean(times_s)))
    return tuple(curves)


def draw_completions(curves: Sequence[Curve], title: str = "Completion of jobs") -> Figure:
    """A stair a configuration, the first thick; one at a time is grey."""
    labels = [each.label for each in curves if not each.label.startswith(BASELINE)]
    colours = {label: fill.colour for label, fill in fills(labels).items()}
    with look():
        figure = new_figure(10.0, 4.4, title)
        axes = figure.subplots()
        first_s = min((each.times_s[0] for each in curves), default=1.0)
        last_s = max((each.times_s[-1] for each in curves), default=1.0)
        for place, curve in reversed(list(enumerate(curves))):
            # From the left edge, where nothing is done, to the right, where everything is.
            times_s = (first_s * 0.8, *curve.times_s, last_s * 1.2)
            axes.step(
                times_s,
                (0.0, *curve.shares, 1.0),
                where="post",
                color=colours.get(curve.label, FAINT),
                linewidth=2.6 if place == 0 else 1.5,
                label=f"{curve.label}: {seconds(curve.mean_s)} in the mean, "
                f"all after {seconds(curve.times_s[-1])}",
                zorder=3 if place == 0 else 2,
            )
        if log_axis(axes, "x", (first_s, last_s)):
            axes.set_xlim(first_s * 0.8, last_s * 1.2)
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel("seconds from a job's arrival to its end")
        axes.set_ylabel("jobs that are done")
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles[::-1], names[::-1], loc="outside lower left", ncols=2, labelcolor=INK)
    return figure
