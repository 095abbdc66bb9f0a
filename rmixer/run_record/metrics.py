"""The metrics of a job measured while it trained: its loss and others, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from rmixer.errors import InputError
from rmixer.files.csv_rows import CsvRow, read_rows

FOLDER = "metrics"
"""An execution keeps a file for each job here, ``<job>.csv``."""
COLUMNS = ("step", "epoch", "seconds", "split", "metric", "value")
SPLITS = ("train", "held_out")
_WHAT = "table of metrics"


class Metric(NamedTuple):
    """One figure of a job after ``step`` steps and ``seconds`` of training. ``epoch`` is None if
    the data has none; ``metric`` is ``loss``, ``auc``, ``lr`` or another; ``value`` may be NaN or
    infinite."""

    step: int
    epoch: float | None
    seconds: float
    split: Literal["train", "held_out"]
    metric: str
    value: float


def metrics_path(folder: Path, job: str) -> Path:
    """The path of the metrics of ``job`` in the execution in ``folder``."""
    return folder / FOLDER / f"{job}.csv"


def _metric(row: CsvRow) -> Metric:
    cells = row.cells
    if not cells["metric"]:
        raise row.wrong("metric", "the name of a metric")
    return Metric(
        step=row.whole("step", least=0),
        epoch=row.number("epoch", least=0) if cells["epoch"] else None,
        seconds=row.number("seconds", least=0),
        split="train" if row.one_of("split", SPLITS) == "train" else "held_out",
        metric=cells["metric"],
        value=_value(row),
    )


def _value(row: CsvRow) -> float:
    try:
        return float(row.cells["value"])
    except ValueError:
        raise row.wrong("value", "a number, nan or inf") from None


class MetricFiles(Mapping[str, list[Metric]]):
    """The metrics of ``jobs`` of the execution in ``folder``, without jobs that have none, read on
    demand. A killed run may leave half a line: then only the rows before the first wrong one are
    returned, and ``wrong`` has the error of each such file."""

    def __init__(self, folder: Path, jobs: Iterable[str]) -> None:
        paths = {job: metrics_path(folder, job) for job in jobs}
        self._paths = {job: path for job, path in paths.items() if path.exists()}
        self._read: dict[str, list[Metric]] = {}
        self.wrong: list[InputError] = []

    def __getitem__(self, job: str) -> list[Metric]:
        if job not in self._read:
            self._read[job] = self._rows_of(self._paths[job])
        return self._read[job]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def _rows_of(self, path: Path) -> list[Metric]:
        rows: list[Metric] = []
        try:
            rows.extend(_metric(row) for row in read_rows(path, _WHAT, COLUMNS))
        except InputError as error:
            self.wrong.append(error)
        return rows


def last_of_each_step(rows: Sequence[Metric]) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """By split and metric, (step, value) in order of steps. If a step was done again after an
    interruption, its last row counts."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        found.setdefault((row.split, row.metric), {})[row.step] = row.value
    return {key: sorted(values.items()) for key, values in found.items()}
