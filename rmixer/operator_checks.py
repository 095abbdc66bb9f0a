"""What no table of operators can hold, however well each cell reads by itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

from rmixer.csv_rows import CsvRow

_QUANTILES = ("p10_us", "p50_us", "p90_us")


class OperatorRow(Protocol):
    """What the tables of operators have in common."""

    @property
    def index(self) -> int:
        """Which operator of the step."""

    @property
    def forward_index(self) -> int:
        """The forward operator of a backward one, or -1."""

    @property
    def lane(self) -> str:
        """``cpu``, ``gpu`` or ``link``."""


def check_times(row: CsvRow) -> None:
    """Raise :class:`InputError` where the quantiles of ``row``'s time are out of order."""
    for lower, higher in itertools.pairwise(_QUANTILES):
        if row.number(lower) > row.number(higher):
            raise row.wrong(higher, " <= ".join(_QUANTILES))


def check_together(
    rows: Sequence[CsvRow], operators: Sequence[OperatorRow], threads: Sequence[int] | None = None
) -> None:
    """Raise :class:`InputError` for an index that stands twice on one lane (at one of ``threads``,
    given by row), or for a forward operator that there is none of."""
    counts = threads or [0] * len(rows)
    known = {(each.index, count) for each, count in zip(operators, counts, strict=True)}
    seen: set[tuple[str, int, int]] = set()
    for row, each, count in zip(rows, operators, counts, strict=True):
        place = each.lane, each.index, count
        if place in seen:
            raise row.wrong("index", "each index once a lane and thread count")
        seen.add(place)
        if each.forward_index >= 0 and (each.forward_index, count) not in known:
            raise row.wrong("forward_index", "the index of an operator, or -1 for none")
