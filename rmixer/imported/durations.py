"""Durations of jobs from a table: of a published run, or the user's own measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from rmixer.errors import InputError, choice
from rmixer.files.csv_rows import CsvRow, read_table

KINDS = ("cpu", "gpu")
JOB_TYPES = ("compute", "memory", "low")
FIGURES = ("peak_bytes", "utilisation", "job_type")
"""The columns that policies may need besides the durations."""
SHORTEST_S, LONGEST_S = 1e-9, 1e9
"""The resolution of a clock of nanoseconds, and a span that it can hold."""
NO_LIMIT_BYTES = 1 << 50
"""The memory of the devices of a machine that is assumed for a table."""
_NAMES = ("job", "model")
_REQUIRED = ("device", "duration_s")
_OPTIONAL = (*_NAMES, "startup_s", *FIGURES)


@dataclass(frozen=True)
class Duration:
    """The times of a job on one kind of ``device``: it holds a slot for ``startup_s`` and then for
    ``duration_s`` seconds. ``utilisation`` is from 0 to 1. None: the table has no such column."""

    device: Literal["cpu", "gpu"]
    duration_s: float
    startup_s: float = 0.0
    peak_bytes: int | None = None
    utilisation: float | None = None
    job_type: Literal["compute", "memory", "low"] | None = None


@dataclass(frozen=True)
class NamedDuration:
    """The row of the table at ``line``: ``column`` is ``job`` or ``model``, ``name`` the job's id
    or the model."""

    line: int
    column: str
    name: str
    figures: Duration


@dataclass(frozen=True)
class DurationTable:
    """The table in the file at ``path``. ``columns`` are the ``FIGURES`` that it has."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[NamedDuration, ...]

    def of(self, job: str, model: str) -> Mapping[str, Duration]:
        """The durations of the job with the id ``job``, by kind of device, from its own rows, else
        from those of its ``model``. A missing kind cannot run it."""
        return {**self._by_name.get(("model", model), {}), **self._by_name.get(("job", job), {})}

    def check(self, models: Mapping[str, str]) -> None:
        """Raises :class:`InputError` unless all rows belong to the jobs in ``models`` (model by job
        id) and every job has a row."""
        known = {"job": tuple(models), "model": tuple(dict.fromkeys(models.values()))}
        for row in self.rows:
            if row.name not in known[row.column]:
                key = f"line {row.line}, {row.column}"
                allowed = f"a {row.column} of the workload: {choice(row.name, known[row.column])}"
                raise InputError(self.path, key, repr(row.name), allowed)
        for job, model in models.items():
            if not self.of(job, model):
                found = f"no row for job {job!r} of model {model!r}"
                raise InputError(self.path, "", found, "a row for every job, or for its model")

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], Mapping[str, Duration]]:
        found: dict[tuple[str, str], dict[str, Duration]] = {}
        for row in self.rows:
            found.setdefault((row.column, row.name), {})[row.figures.device] = row.figures
        return found


def read_durations(path: Path) -> DurationTable:
    """Reads the table at ``path``. Raises :class:`InputError` with the line and the column of a
    value that is missing or impossible, and for two rows of one job or model and kind of device."""
    rows: list[NamedDuration] = []
    seen: dict[tuple[str, str, str], int] = {}
    columns: tuple[str, ...] = ()
    for row in read_table(path, "table of durations", _REQUIRED, _OPTIONAL):
        columns = tuple(name for name in FIGURES if name in row.cells)
        found = _named(row)
        key = (found.column, found.name, found.figures.device)
        if key in seen:
            again = f"{found.name!r} on {found.figures.device} a second time"
            allowed = f"one row: line {seen[key]} has it already"
            raise InputError(path, f"line {row.line}, {found.column}", again, allowed)
        seen[key] = row.line
        rows.append(found)
    if not rows:
        raise InputError(path, "line 2", "nothing", "at least one row")
    return DurationTable(path, columns, tuple(rows))


def _named(row: CsvRow) -> NamedDuration:
    given = [column for column in _NAMES if column in row.cells]
    if not given:
        raise InputError(row.path, "line 1", "no column job or model", "one of them, or both")
    filled = [column for column in given if row.cells[column]]
    if not filled:
        raise row.wrong(given[0], "a job's id" if given[0] == "job" else "the name of a model")
    if len(filled) > 1:
        raise row.wrong("model", f"nothing: the row is of job {row.cells['job']!r}")
    (column,) = filled
    return NamedDuration(row.line, column, row.cells[column], _figures(row))


def _figures(row: CsvRow) -> Duration:
    values: dict[str, Any] = {
        "device": row.one_of("device", KINDS),
        "duration_s": _seconds(row, "duration_s", least=SHORTEST_S),
    }
    if "startup_s" in row.cells:
        values["startup_s"] = _seconds(row, "startup_s")
    if "peak_bytes" in row.cells:
        values["peak_bytes"] = row.whole("peak_bytes", least=1)
    if "utilisation" in row.cells:
        values["utilisation"] = row.number("utilisation", least=0)
        if values["utilisation"] > 1:
            raise row.wrong("utilisation", "a share from 0 to 1")
    if "job_type" in row.cells:
        values["job_type"] = row.one_of("job_type", JOB_TYPES)
    return Duration(**values)


def _seconds(row: CsvRow, column: str, least: float = 0.0) -> float:
    """Seconds from ``least`` to ``LONGEST_S``."""
    try:
        value = row.number(column)
    except InputError:
        value = math.nan
    if not least <= value <= LONGEST_S:
        raise row.wrong(column, f"seconds: a number from {least:g} to {LONGEST_S:g}")
    return value
