"""Compares all policies by their speed-up of a queue over one job at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.figures.style import BAD, FAINT, INK, POINT, fills, look, name_rows, new_figure
from experiments.run_files.policy_rows import PolicyRow, best_rows, by_machine, speedup_of

PUBLISHED = {1: 5.3, 4: 7.5}
"""RMixer's best throughput over one job at a time, by GPUs (TPDS 2024)."""


@dataclass(frozen=True)
class Panel:
    """One machine. ``best`` is the best row by policy and workload
    (:func:`~experiments.run_files.policy_rows.best_rows`). ``alone`` and ``both`` are the best
    speed-ups by workload on the GPUs alone, and together with the CPU."""

    title: str
    gpus: int
    best: dict[str, dict[str, PolicyRow]]
    alone: dict[str, float]
    both: dict[str, float]


def comparison_data(rows: Iterable[PolicyRow]) -> list[Panel]:
    """A panel for each machine, in the order of ``rows``."""
    return [_panel(found) for found in by_machine(rows)]


def _panel(rows: Sequence[PolicyRow]) -> Panel:
    alone: dict[str, float] = {}
    both: dict[str, float] = {}
    for row in rows:
        side = both if row.gpu_slots and row.cpu_slots else alone
        side[row.workload] = max(side.get(row.workload, 0.0), speedup_of(row))
    name, gpus = rows[0].machine.partition("+")[0], rows[0].gpus
    title = f"{name}, {gpus} GPU{'' if gpus == 1 else 's'}" if gpus else f"{name}, CPU alone"
    return Panel(title, gpus, best_rows(rows), alone, both)


def draw_policies_compared(panels: Sequence[Panel]) -> Figure:
    """Draws a row a policy, a mark a queue: the best of its layouts."""
    names = list(dict.fromkeys(w for panel in panels for row in panel.best.values() for w in row))
    colours = {name: fill.colour for name, fill in fills(names).items()}
    title = "How many times as soon a queue of 24 jobs is done as one job at a time (predicted)"
    rows = max(len(panel.best) for panel in panels)
    with look():
        figure = new_figure(3.2 * len(panels), 1.6 + 0.21 * rows, title)
        for axes, panel in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            for place, found in enumerate(panel.best.values()):
                for workload, row in found.items():
                    axes.plot(row.speedup, place, "o", color=colours[workload], markersize=4.5)
            name_rows(axes, list(panel.best))
            _speedup_axis(axes, panel)
        handles = [
            Line2D([], [], color=colours[name], marker="o", linestyle="", label=name)
            for name in names
        ]
        figure.legend(handles=handles, loc="outside lower left", ncols=len(names))
    return figure


def draw_cpu_beside_gpu(panels: Sequence[Panel]) -> Figure:
    """Draws for each queue the best on the GPUs alone and the best on GPUs and CPU."""
    title = "GPUs alone, and GPUs and CPU at once: the best policy of each (predicted)"
    shown = [panel for panel in panels if panel.both]
    with look():
        figure = new_figure(3.2 * len(shown), 3.0, title)
        for axes, panel in zip(
            figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True
        ):
            workloads = list(panel.alone)
            for place, workload in enumerate(workloads):
                pair = (panel.alone[workload], panel.both[workload])
                for shift, value, colour in zip((-0.19, 0.19), pair, (FAINT, BAD), strict=True):
                    axes.barh(place + shift, value, height=0.36, color=colour, linewidth=0)
                    axes.text(value, place + shift, f" {value:.1f}", va="center", color=INK)
            name_rows(axes, workloads)
            axes.set_xlim(0, 1.15 * max(*panel.alone.values(), *panel.both.values()))
            _speedup_axis(axes, panel)
        handles = [
            Line2D([], [], color=colour, marker="s", linestyle="", label=label)
            for label, colour in (("GPUs alone", FAINT), ("GPUs and CPU at once", BAD))
        ]
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _speedup_axis(axes: Axes, panel: Panel) -> None:
    published = PUBLISHED.get(panel.gpus)
    if published:
        axes.set_xlim(right=max(axes.get_xlim()[1], 1.03 * published))
        axes.axvline(published, color=INK, linewidth=0.9, linestyle="--")
        axes.text(
            published,
            1.0,
            f"RMixer's {published}×",
            transform=axes.get_xaxis_transform(),
            ha="right",
            va="bottom",
            fontsize=POINT - 1,
        )
    axes.set_xlim(left=0)
    axes.set_title(panel.title, pad=14)
    axes.set_xlabel("× one job at a time")
