"""Writes numbers on the marks of a scatter plot, each readable and none over another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from experiments.figures.style import INK, text_width_in, tint

_SIZE_PT, _MARGIN_PT = 7.0, 1.5
_DIRECTIONS = 12


@dataclass(frozen=True)
class Mark:
    """A round mark at ``x``, ``y`` of the data, and the text that names it."""

    text: str
    x: float
    y: float
    diameter_pt: float
    colour: tuple[float, float, float]


def number_marks(axes: Axes, marks: Sequence[Mark]) -> None:
    """Writes each mark's text inside it if it is large enough, else next to it, where no other text
    is. The layout of the figure must be final (its canvas drawn)."""
    figure = axes.get_figure()
    assert figure is not None
    to_pt = 72.0 / figure.dpi
    frame = axes.get_window_extent()
    bounds = Bbox(frame.get_points() * to_pt)
    centres = [axes.transData.transform((mark.x, mark.y)) * to_pt for mark in marks]
    taken: list[Bbox] = []
    for mark, (x, y) in zip(marks, centres, strict=True):
        width = text_width_in(mark.text, _SIZE_PT) * 72
        dx, dy = place_text(x, y, mark.diameter_pt, width, taken, bounds)
        taken.append(_box(x + dx, y + dy, width))
        annotation = axes.annotate(
            mark.text,
            (mark.x, mark.y),
            (dx, dy),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_SIZE_PT,
            fontweight="bold",
            color=INK,
            zorder=5,
            path_effects=[withStroke(linewidth=2.0, foreground=tint(mark.colour, 0.75))],
        )
        annotation.set_in_layout(False)


def place_text(
    x: float, y: float, diameter_pt: float, width_pt: float, taken: Sequence[Bbox], bounds: Bbox
) -> tuple[float, float]:
    """The offset in points from a mark's centre at which a text ``width_pt`` wide covers none of
    the boxes ``taken`` and stays within ``bounds``: the nearest that is tried; a far one if all
    are taken."""
    tries = [(0.0, 0.0)] if diameter_pt > width_pt + 2 * _MARGIN_PT else []
    for ring in range(12):
        distance = (diameter_pt + width_pt) / 2 + _MARGIN_PT + 0.8 * _SIZE_PT * ring
        for turn in range(_DIRECTIONS):
            angle = math.pi / 4 + 2 * math.pi * turn / _DIRECTIONS
            tries.append((distance * math.cos(angle), distance * math.sin(angle)))
    for dx, dy in tries:
        box = _box(x + dx, y + dy, width_pt)
        inside = bounds.contains(*box.min) and bounds.contains(*box.max)
        if inside and not box.count_overlaps(taken):
            return dx, dy
    return tries[-1]


def _box(x: float, y: float, width_pt: float) -> Bbox:
    width, height = width_pt + 2 * _MARGIN_PT, _SIZE_PT + 2 * _MARGIN_PT
    return Bbox.from_bounds(x - width / 2, y - height / 2, width, height)
