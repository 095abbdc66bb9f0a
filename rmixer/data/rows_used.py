"""Estimates the number of values hashed into a table from its empty rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


class RowsUsed:
    """Marks which of the ``rows`` of a table were used.

    Linear counting (Whang, Vander-Zanden, Taylor, ACM TODS 15(2), 1990): of m rows, n values hashed
    at random leave a share exp(-n/m) empty. Its standard error at n = m is 0.85 / sqrt(m) of n, at
    n = 10 m 15 / sqrt(m).
    """

    def __init__(self, rows: int) -> None:
        self._used = np.zeros(rows, dtype=bool)

    def add(self, ids: NDArray[Any]) -> None:
        """Marks the rows ``ids``."""
        self._used[ids] = True

    def values(self) -> int:
        """The estimated number of different values with these ids."""
        rows = len(self._used)
        empty = max(1, rows - int(self._used.sum()))  # none empty: the most that can be told
        return round(rows * math.log(rows / empty))
