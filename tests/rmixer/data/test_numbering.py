"""Numbers in order of appearance, against a dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rmixer.data.numbering import InOrder


@given(st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=5))
def test_values_are_numbered_as_they_come(blocks: list[list[int]]) -> None:
    numbering, expected = InOrder(1000), dict[int, int]()
    for block in blocks:
        found = numbering.number(np.array(block, dtype=np.int64))
        for value, number in zip(block, found.tolist(), strict=True):
            assert number == expected.setdefault(value, len(expected) + 1)
    assert len(numbering) == len(expected)


def test_beyond_the_table_rows_are_shared() -> None:
    numbering = InOrder(101)
    first = numbering.number(np.arange(5000, 5100))
    assert first.tolist() == list(range(1, 101))
    later = numbering.number(np.arange(6000, 9000))
    assert later.min() == 1
    assert later.max() == 100
    assert np.bincount(later)[1:].min() > 10, "spread over all rows but the padding's"
    assert len(numbering) == 3100
    other = InOrder(101)
    other.number(np.arange(5000, 5100))
    assert other.number(np.arange(8999, 5999, -1)).tolist() == later[::-1].tolist()
    assert numbering.number(np.array([5007, 6000])).tolist() == [8, later[0]]
