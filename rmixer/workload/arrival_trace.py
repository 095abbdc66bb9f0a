"""A trace of jobs in CSV: a row for each job, with the time at which it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from rmixer.errors import InputError, choice
from rmixer.files.csv_rows import CsvRow, read_table
from rmixer.workload.job_entry import NOT_YET, UNKNOWN, JobEntry, not_yet
from rmixer.workload.place import Place

ARRIVAL = "arrival_s"
WHOLE = ("gpus", "count", "steps", "batch", "seed", "rows_cap", "retries", "priority")
NUMBERS = (
    "lr",
    ARRIVAL,
    "epochs",
    "weight_decay",
    "momentum",
    "save_every_s",
    "deadline_s",
    "weight",
)
OF_PARTS = ("betas", "lr_schedule", "evaluate", "stop")
"""The keys of a job that are numbers, and those that one cell cannot hold; the others are text."""


def read_trace(path: Path, folder: Path) -> Iterator[tuple[dict[str, Any], Place]]:
    """Yields for each row of the trace at ``path`` the job's keys, as in a workload file, and its
    place; paths in it count from ``folder``. An empty cell is skipped. Raises :class:`InputError`
    for a column that is no key of a job, a trace without a row, and a cell that should be a number.
    """
    rows = list(read_table(path, "trace", (ARRIVAL,)))
    if not rows:
        raise InputError(path, "line 2", "nothing", "a row for each job")
    _check_columns(path, rows[0].cells)
    for row in rows:
        place = Place(path, f"line {row.line}", folder, joint=", ")
        row.number(ARRIVAL, least=0)
        said = (key for key, text in row.cells.items() if text)
        yield {key: _value(row, key) for key in said}, place


def _check_columns(path: Path, columns: Iterable[str]) -> None:
    keys = [field.name for field in fields(JobEntry)]
    for column in columns:
        if column in NOT_YET:
            raise InputError(path, "line 1", f"the column {column!r}", not_yet(column))
        if column in OF_PARTS:
            allowed = f"nothing: {column!r} has parts, so it is for a workload's 'jobs' to say"
            raise InputError(path, "line 1", f"the column {column!r}", allowed)
        if column not in keys:
            raise InputError(path, "line 1", f"the column {column!r}", choice(column, keys))


def _value(row: CsvRow, key: str) -> object:
    if key in WHOLE and not (key == "steps" and row.cells[key] == UNKNOWN):
        return row.whole(key)
    return row.number(key) if key in NUMBERS else row.cells[key]
