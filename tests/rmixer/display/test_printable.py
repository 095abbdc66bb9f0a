"""Text of others is shown without what a terminal obeys, and not at any length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmixer.display.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\0", "\\x1b[31mred\\x00"),
        ("bad \udc80 text", "bad \\udc80 text"),
        ("é 漢 \x9b", "é 漢 \\x9b"),
    ],
)
def test_what_is_no_text_is_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_of_a_long_text_both_ends_are_left() -> None:
    assert printable("a" * 600 + "z" * 600, 100) == "a" * 50 + " … (1200 characters) … " + "z" * 50


@given(st.text(st.characters(), max_size=50))
def test_any_text_can_be_written(text: str) -> None:
    printable(text).encode("utf-8")
