"""Items kept in order, against sorting them anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmixer.scheduling.sorted_by_key import SortedByKey


def key(item: tuple[int, str]) -> tuple[int, str]:
    """Largest number first."""
    return -item[0], item[1]


ITEMS = st.sets(st.tuples(st.integers(-3, 3), st.sampled_from("abcdefgh")), max_size=20)


@given(ITEMS, ITEMS, st.data())
def test_they_are_in_order_whatever_comes_and_goes(
    first: set[tuple[int, str]], later: set[tuple[int, str]], data: st.DataObject
) -> None:
    kept, there = SortedByKey(first, key), set(first)
    for item in later - first:
        kept.add(item)
        there.add(item)
        if data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(there)))
            kept.remove(gone)
            there.remove(gone)
    expected = sorted(there, key=key)
    assert list(kept) == expected
    assert list(reversed(kept)) == expected[::-1]
    assert (len(kept), kept[:2]) == (len(expected), expected[:2])
    assert [item in kept for item in first] == [item in there for item in first]


def test_what_is_not_there_cannot_be_taken_out() -> None:
    kept = SortedByKey([(1, "a")], key)
    for absent in ((1, "b"), (2, "a"), (0, "z")):
        with pytest.raises(KeyError):
            kept.remove(absent)
    assert list(kept) == [(1, "a")]
