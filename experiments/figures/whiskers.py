"""Thin lines in a schedule: the 90% intervals of the ends of its jobs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from experiments.figures.style import INK
from rmixer.run_record.run_summary import RunSummary

EDGES: dict[Literal["lower", "upper"], float] = {"lower": 0.27, "upper": -0.27}
"""The places of whiskers in a row: a job's id is in the middle of its bar."""


@dataclass(frozen=True)
class Whisker:
    """The 90% interval of a job's end in its ``row``, in seconds, along the ``edge`` of its bar."""

    job: str
    row: str
    low_s: float
    high_s: float
    edge: Literal["lower", "upper"]


def whiskers(summary: RunSummary) -> tuple[Whisker, ...]:
    """Whiskers from the last job of each row to the first, each on an edge where it meets no other.
    A whisker that meets others on both edges is left out, because readers could not distinguish
    them."""
    found = []
    begins_s: dict[tuple[str, str], float] = {}
    for job in sorted(summary.jobs, key=lambda job: job.end_s, reverse=True):
        if job.end_interval_s is None:
            continue
        row = f"{job.device} slot {job.slot}"
        low_s, high_s = job.end_interval_s
        for edge in EDGES:
            if high_s < begins_s.get((row, edge), math.inf):
                begins_s[row, edge] = low_s
                found.append(Whisker(job.id, row, low_s, high_s, edge))
                break
    return tuple(found)


def draw_whisker(axes: Axes, low_s: float, high_s: float, y: float) -> None:
    """Draws a thin line with ends, at the height ``y``, with a rim that separates it from bars."""
    axes.plot(
        (low_s, high_s),
        (y, y),
        color=INK,
        linewidth=1.0,
        marker="|",
        markersize=4.5,
        path_effects=[withStroke(linewidth=2.4, foreground="white")],
    )
