"""Names in a message: so many, and how many more there are."""

from __future__ import annotations

import pytest

from rmixer.display.printable import few


@pytest.mark.parametrize(
    ("names", "most", "shown"),
    [
        ([], 2, ""),
        (["a"], 1, "a"),
        (["a", "b"], 2, "a, b"),
        (["a", "b", "c"], 2, "a, b and 1 more"),
        (["a", "b", "c", "d"], 1, "a and 3 more"),
    ],
)
def test_the_first_names_and_the_number_of_others(names: list[str], most: int, shown: str) -> None:
    assert few(names, most) == shown
