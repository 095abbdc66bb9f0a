"""Checks operators of a profile for impossible combinations of valid values."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence

from rmixer.files.csv_rows import CsvRow
from rmixer.operators.operator_cost import OperatorCost

QUANTILES = ("p10_us", "p50_us", "p90_us")
MOST_A_SECOND = 1e18
"""FLOPs or bytes a second that no processor reaches with one operator."""


def check_times(row: CsvRow) -> None:
    """Raises :class:`InputError` if the quantiles of ``row``'s time are out of order."""
    for lower, higher in itertools.pairwise(QUANTILES):
        if row.number(lower) > row.number(higher):
            raise row.wrong(higher, " <= ".join(QUANTILES))


def check_work(row: CsvRow) -> None:
    """Raises :class:`InputError` if ``row`` has more FLOPs or bytes than could be done in its time,
    or in a nanosecond, the shortest time in a file."""
    least_s = max(row.number("mean_us"), 1e-3) * 1e-6
    for name in ("flops", "read_bytes", "written_bytes"):
        if row.whole(name, 0) > MOST_A_SECOND * least_s:
            raise row.wrong(name, f"at most {MOST_A_SECOND:g} for each second of mean_us")


def check_together(
    rows: Sequence[CsvRow], operators: Sequence[OperatorCost], steps: Sequence[Hashable]
) -> None:
    """Raises :class:`InputError` for an index that occurs twice on one lane, for a forward operator
    of one that is not backward, or for a forward operator that does not exist in its step
    (``steps``, by row)."""
    phases = {(each.index, step): each.phase for each, step in zip(operators, steps, strict=True)}
    seen: set[tuple[str, int, Hashable]] = set()
    for row, each, step in zip(rows, operators, steps, strict=True):
        place = each.lane, each.index, step
        if place in seen:
            raise row.wrong("index", "each index once a lane and thread count")
        seen.add(place)
        if each.forward_index < 0:
            continue
        if each.phase not in ("backward", None):
            raise row.wrong("forward_index", f"-1: the phase is {each.phase}, not backward")
        if phases.get((each.forward_index, step), "") not in ("forward", None):
            raise row.wrong("forward_index", "the index of a forward operator, or -1 for none")
