"""Numbers on marks lie on no other number, within the frame."""

from __future__ import annotations

import itertools
import random

import pytest
from matplotlib.transforms import Bbox

from experiments.figures.number_marks import Mark, number_marks, place_text
from experiments.figures.style import look, new_figure

BOUNDS = Bbox.from_extents(0.0, 0.0, 100.0, 100.0)


def test_inside_a_large_mark_and_beside_a_small_one() -> None:
    assert place_text(50, 50, 20.0, 4.0, [], BOUNDS) == (0.0, 0.0)
    dx, dy = place_text(50, 50, 3.0, 4.0, [], BOUNDS)
    assert dx > 0 < dy
    assert (dx * dx + dy * dy) ** 0.5 == pytest.approx(1.5 + 2.0 + 1.5)


def test_elsewhere_where_a_text_is_already() -> None:
    dx, dy = place_text(50, 50, 20.0, 4.0, [Bbox.from_extents(45, 45, 55, 55)], BOUNDS)
    assert (dx, dy) != (0.0, 0.0)
    # In the upper right corner there is only room to the lower left.
    dx, dy = place_text(99, 99, 3.0, 4.0, [], BOUNDS)
    assert dx < 0 > dy


@pytest.mark.parametrize("seed", range(3))
def test_no_two_texts_overlap_in_a_crowd(seed: int) -> None:
    draw = random.Random(seed)
    marks = [
        Mark(str(i), draw.gauss(0.5, 0.05), draw.gauss(0.5, 0.05), draw.uniform(3, 25), (0, 0, 0))
        for i in range(8)
    ]
    with look():
        figure = new_figure(4.0, 3.0)
        axes = figure.subplots()
        axes.scatter([m.x for m in marks], [m.y for m in marks])
        figure.canvas.draw()
        number_marks(axes, marks)
        figure.canvas.draw()
    boxes: list[Bbox] = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 8
    frame = axes.get_window_extent().expanded(1.001, 1.001)
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    corners = [corner for box in boxes for corner in box.corners()]
    assert all(frame.contains(x, y) for x, y in corners)
