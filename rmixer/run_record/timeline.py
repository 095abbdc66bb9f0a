"""A timeline of intervals: the one record of profiler, simulator and executor."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rmixer.files.csv_rows import CsvRow, read_rows
from rmixer.files.typed_files import write_text

KINDS = (
    "queued",
    "startup",
    "build",
    "input",
    "warmup",
    "train",
    "checkpoint",
    "evaluate",
    "save",
    "operator",
)


class Interval(NamedTuple):
    """One stretch of time. ``name`` is the model for a ``train`` row and the operator for an
    ``operator`` row, ``lane`` is ``cpu``, ``gpu`` or ``link``, ``steps`` the training steps done in
    it (a simulated stretch may hold a fraction of one)."""

    run: str
    job: str
    attempt: int
    name: str
    kind: str
    device: str
    slot: int
    lane: str
    start_s: float
    duration_s: float
    steps: float = 0.0

    @property
    def end_s(self) -> float:
        """Seconds from the start of the run."""
        return self.start_s + self.duration_s


Row = tuple[Any, ...]
"""The fields of an interval, or the first of them."""
_PLACE = {kind: place for place, kind in enumerate(KINDS)}
COLUMNS = Interval._fields


class Timeline:
    """Intervals of one or several runs, kept in the order of ``events.csv``."""

    def __init__(self, intervals: Iterable[Interval] = ()) -> None:
        self._intervals = list(intervals)

    def add(self, interval: Interval) -> None:
        """Record one more interval."""
        self._intervals.append(interval)

    def __iter__(self) -> Iterator[Interval]:
        ordered = sorted(self._intervals, key=_begins)
        for _, alike in itertools.groupby(ordered, _begins):
            together = list(alike)
            yield from together if len(together) == 1 else sorted(together, key=_cells)

    def __len__(self) -> int:
        return len(self._intervals)

    def select(self, *, kind: str | None = None, job: str | None = None) -> list[Interval]:
        """The intervals of one kind or one job, in order."""
        return [
            interval
            for interval in self
            if kind in (None, interval.kind) and job in (None, interval.job)
        ]

    @property
    def jobs(self) -> list[str]:
        """Job ids by first appearance."""
        return list(dict.fromkeys(interval.job for interval in self if interval.job))

    @property
    def makespan_s(self) -> float:
        """From the start of the run to the end of the last interval."""
        return max((interval.end_s for interval in self._intervals), default=0.0)

    def to_csv(self) -> str:
        """The text of ``events.csv``: sorted, floats rounded to 1e-9, so equal runs give equal
        bytes."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for interval in self:
            writer.writerow(map(_cell, interval))
        return out.getvalue()

    def write_csv(self, path: Path) -> None:
        """Write ``events.csv`` whole or not at all."""
        write_text(path, self.to_csv())

    @classmethod
    def read_csv(cls, path: Path) -> Timeline:
        """Read ``events.csv``; raises :class:`InputError` with the line that is wrong."""
        return cls(map(_interval, read_rows(path, "timeline", COLUMNS)))


def _begins(interval: Interval) -> tuple[float, str, int]:
    """The order of rows: by start, job and kind."""
    return (round(interval.start_s, 9), interval.job, _PLACE[interval.kind])


def _cells(interval: Interval) -> tuple[str, ...]:
    """The cells of a row, to order rows that begin at the same time."""
    return tuple(str(_cell(value)) for value in interval)


def _cell(value: object) -> object:
    if not isinstance(value, float):
        return value
    rounded = round(value, 9)
    return "0" if rounded == 0 else f"{rounded:.9f}".rstrip("0").rstrip(".")


def _interval(row: CsvRow) -> Interval:
    return Interval(
        run=row.cells["run"],
        job=row.cells["job"],
        attempt=row.whole("attempt"),
        name=row.cells["name"],
        kind=row.one_of("kind", KINDS),
        device=row.cells["device"],
        slot=row.whole("slot"),
        lane=row.cells["lane"],
        start_s=row.number("start_s"),
        duration_s=row.number("duration_s", least=0),
        steps=row.number("steps", least=0),
    )
