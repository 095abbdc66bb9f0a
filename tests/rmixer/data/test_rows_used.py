"""Values counted by the rows they were hashed to."""

from __future__ import annotations

import numpy as np
import pytest

from rmixer.data.field_rows import hashed_rows
from rmixer.data.rows_used import RowsUsed


@pytest.mark.parametrize("values", [0, 1, 1000, 100_000, 300_000])
def test_about_as_many_as_there_were(values: int) -> None:
    """Within five standard errors, up to three values a row."""
    used = RowsUsed(100_000)
    keys = np.arange(values, dtype=np.int64)
    for part in np.array_split(np.concatenate([keys, keys]), 7):
        used.add(hashed_rows(part, 2, 100_000))
    assert abs(used.values() - values) <= 5 * values * 1.3 / 100_000**0.5


def test_a_full_table_gives_the_most_it_can_tell() -> None:
    used = RowsUsed(4)
    used.add(np.arange(4))
    assert used.values() == round(4 * np.log(4))
