"""Predicted against measured memory, of tensors and of whole workers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from experiments.figures.style import FAINT, GOOD, INK, look, new_figure
from experiments.tables.memory_table import MemoryRow
from rmixer.display.quantities import percent, size

TENSORS_WORST, WORKER_WORST = 0.055, 0.10
"""The goals that the bands show."""


def draw_memory(rows: Sequence[MemoryRow]) -> Figure:
    """Draws the tensors on the left and the resident peak of a new worker on the right: a dot for
    each model and batch, larger for larger batches, the diagonal, and the band of the goal."""
    with look():
        figure = new_figure(10.0, 5.2)
        left, right = figure.subplots(1, 2)
        tensors = [(row.predicted.tensor_bytes, row.measured_tensor_bytes, row) for row in rows]
        workers = [(row.resident_bytes, row.measured_resident_bytes, row) for row in rows]
        _draw(left, tensors, TENSORS_WORST, "Tensors, by the allocator")
        _draw(right, workers, WORKER_WORST, "Resident peak of a fresh worker")
        return figure


def _draw(
    axes: Axes, found: Sequence[tuple[int, int | None, MemoryRow]], goal: float, title: str
) -> None:
    known = [(predicted, measured, row) for predicted, measured, row in found if measured]
    if not known:
        return
    values = [value for predicted, measured, _ in known for value in (predicted, measured)]
    line = np.array([min(values) / 1.3, max(values) * 1.3])
    axes.fill_between(line, line * (1 - goal), line * (1 + goal), color=FAINT, alpha=0.25, lw=0)
    axes.plot(line, line, color=INK, linewidth=0.8)
    smallest = min(row.job.batch for _, _, row in known)
    areas = [14.0 + 10.0 * float(np.log2(row.job.batch / smallest)) for _, _, row in known]
    axes.scatter([m for _, m, _ in known], [p for p, _, _ in known], s=areas, color=GOOD, alpha=0.6)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set(xlim=line, ylim=line, aspect="equal")
    axes.set(xlabel="measured", ylabel="predicted", title=f"{title} (band: {percent(goal)})")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: size(value)))
