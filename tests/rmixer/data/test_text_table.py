"""Fields parsed eight characters at a time agree with Python's own ``int``."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rmixer.data.text_table import TextTable

NEAR_DIGITS = st.text("0123456789/:-+. _", max_size=10)
NEAR_HEXADECIMAL = st.text("0123456789abcdefABCDEF/:@G`g\x7f", min_size=8, max_size=8)
ANYTHING = st.text(st.characters(codec="latin-1", exclude_characters="\n\t"), max_size=10)
NUMBERS = st.integers(-10_000_000, 99_999_999).map(str)
HASHES = st.integers(0, 2**32 - 1).map("{:08x}".format) | st.just("")


def lines_of(rows: list[tuple[str, str]]) -> list[bytes]:
    return ["\t".join(row).encode("latin-1") for row in rows]


@given(st.lists(st.tuples(NUMBERS | NEAR_DIGITS | ANYTHING, NUMBERS | NEAR_DIGITS), max_size=5))
def test_integers(rows: list[tuple[str, str]]) -> None:
    cells = TextTable(lines_of(rows), b"\t", 2).integers(slice(0, 2))
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            place = (row, column)
            is_number = re.fullmatch(r"-?[0-9]{1,8}", text, re.ASCII) and len(text) <= 8
            assert cells.missing[place] == (text == "")
            assert cells.sure[place] == bool(is_number or text == "")
            if cells.sure[place]:
                assert cells.values[place] == int(text or 0)


@given(st.lists(st.tuples(HASHES | NEAR_HEXADECIMAL, ANYTHING | HASHES), max_size=5))
def test_hexadecimals(rows: list[tuple[str, str]]) -> None:
    cells = TextTable(lines_of(rows), b"\t", 2).hexadecimals(slice(0, 2))
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            place = (row, column)
            is_hash = re.fullmatch(r"(?:[0-9a-fA-F]{8})?", text, re.ASCII)
            assert cells.sure[place] == bool(is_hash)
            if cells.sure[place]:
                assert cells.values[place] == int(text or "0", 16)


def test_lines_of_another_number_of_fields_are_left_out() -> None:
    """Also where the missing separators of one make up for those too many of another."""
    table = TextTable([b"1,2,3", b"4,5", b"6,7,8,9", b"10,11,12", b""], b",", 3)
    assert table.places.tolist() == [0, 3]
    assert table.integers(slice(0, 3)).values.tolist() == [[1, 2, 3], [10, 11, 12]]


def test_no_lines() -> None:
    assert TextTable([], b",", 3).integers(slice(0, 3)).values.shape == (0, 3)


def test_first_bytes() -> None:
    table = TextTable([b"x,yz", b",0"], b",", 2)
    expected = np.array([[ord("x"), ord("y")], [ord(","), ord("0")]])
    np.testing.assert_array_equal(table.first_bytes(slice(0, 2)), expected)
