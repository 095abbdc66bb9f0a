"""Writes and reads a step's operators as a CSV file."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rmixer.files.csv_rows import CsvRow, read_rows
from rmixer.operators.lanes import COMMUNICATION, LANES, PHASES
from rmixer.operators.operator_checks import check_times
from rmixer.operators.operator_cost import HOST_COLUMNS, OperatorCost

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
    check_times(row)
    return OperatorCost(**values)
