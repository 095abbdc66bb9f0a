"""Writes and reads a step's operators as a CSV file, and checks them for impossible combinations of
valid values."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rmixer.files.csv_rows import CsvRow, read_rows
from rmixer.operators.operator_cost import COMMUNICATION, HOST_COLUMNS, LANES, PHASES, OperatorCost

QUANTILES = ("p10_us", "p50_us", "p90_us")
MOST_A_SECOND = 1e18
"""FLOPs or bytes a second that no processor reaches with one operator."""


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


FIELDS = tuple(field.name for field in dataclasses.fields(OperatorCost))
COLUMNS = tuple(name for name in FIELDS if name not in ("launches", *HOST_COLUMNS))
"""The columns of a step measured on the CPU."""
GPU_COLUMNS = (*COLUMNS, *HOST_COLUMNS)
IMPORTED_COLUMNS = tuple(name for name in FIELDS if name != "threads")
_WHOLE = {
    "index": 0,
    "forward_index": -1,
    "flops": 0,
    "read_bytes": 0,
    "written_bytes": 0,
    "threads": 1,
    "launches": 0,
}
"""The columns of whole numbers, with the least that each may hold."""
_MAY_BE_UNKNOWN = frozenset(
    ("phase", "flops", "read_bytes", "written_bytes", "t2_us", "t3_us", "t4_us", "t5_us")
)
"""The columns of an imported step that may be unknown: an empty cell."""


def operator_table(operators: Iterable[OperatorCost], columns: Sequence[str]) -> str:
    """The table with these ``columns``; times to the nanosecond, unknown cells empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for cost in operators:
        values = (getattr(cost, name) for name in columns)
        writer.writerow(round(v, 3) if isinstance(v, float) else v for v in values)
    return out.getvalue()


def read_operators(
    path: Path, columns: Sequence[str]
) -> tuple[list[CsvRow], tuple[OperatorCost, ...]]:
    """The rows of the table at ``path``, which has ``columns`` and maybe others. Raises
    :class:`InputError` with the line and the column of an impossible value."""
    rows = list(read_rows(path, "table of operators", columns))
    return rows, tuple(_operator(row, columns is IMPORTED_COLUMNS) for row in rows)


def _operator(row: CsvRow, imported: bool) -> OperatorCost:
    allowed = {"phase": (*PHASES, COMMUNICATION) if imported else PHASES, "lane": LANES}
    values: dict[str, Any] = {"threads": 0}
    for name in FIELDS:
        if name not in row.cells:
            continue
        if imported and name in _MAY_BE_UNKNOWN and not row.cells[name]:
            values[name] = None
        elif name in allowed:
            values[name] = row.one_of(name, allowed[name])
        elif name in _WHOLE:
            values[name] = row.whole(name, _WHOLE[name])
        else:
            values[name] = row.number(name, 0) if name.endswith("_us") else row.cells[name]
    for lower, higher in itertools.pairwise(QUANTILES):
        if values[lower] > values[higher]:
            raise row.wrong(higher, " <= ".join(QUANTILES))
    return OperatorCost(**values)
