"""Ids numbered in order of appearance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.data.hashing import mix64


class InOrder:
    """Numbers 1, 2, ... for the values of a log in the order in which they first appear.

    A table of ``rows`` rows has one for each of the first ``rows`` - 1 values (row 0 is
    padding); each later one shares a row with others, by a fixed hash.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._number: dict[int, int] = {}

    def __len__(self) -> int:
        """The number of different values."""
        return len(self._number)

    def number(self, values: NDArray[Any]) -> NDArray[np.int32]:
        """The numbers of the next ``values`` of the log, int32 of the same shape [n]."""
        different, first, place = np.unique(values, return_index=True, return_inverse=True)
        numbers = np.empty(len(different), dtype=np.int32)
        for at in np.argsort(first):
            value = int(different[at])
            number = self._number.get(value)
            if number is None:
                number = len(self._number) + 1
                if number >= self._rows:
                    hashed = int(mix64(np.array([value], dtype=np.uint64))[0])
                    number = 1 + hashed % (self._rows - 1)
                self._number[value] = number
            numbers[at] = number
        return np.asarray(numbers[place])
