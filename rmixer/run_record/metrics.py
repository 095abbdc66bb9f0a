"""What was measured of a job while it trained: its loss and other figures, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from rmixer.errors import InputError
from rmixer.files.csv_rows import CsvRow, read_rows

FOLDER = "metrics"
"""Where an execution keeps a file for each job, ``<job>.csv``."""
COLUMNS = ("step", "epoch", "seconds", "split", "metric", "value")
SPLITS = ("train", "held_out")
_WHAT = "table of metrics"


class Metric(NamedTuple):
    """One figure of a job after ``step`` steps, ``seconds`` of training from its start. ``epoch``
    is None where the data has none; ``split`` says on which data; ``metric`` is ``loss``, ``auc``,
    ``lr`` or another; ``value`` may be NaN or infinite."""

    step: int
    epoch: float | None
    seconds: float
    split: Literal["train", "held_out"]
    metric: str
    value: float


def metrics_path(folder: Path, job: str) -> Path:
    """Where the execution in ``folder`` keeps the metrics of ``job``."""
    return folder / FOLDER / f"{job}.csv"


def read_metrics(path: Path) -> list[Metric]:
    """The rows of ``path`` in its order. Raises :class:`InputError` with the line and the column
    that is wrong."""
    return [_metric(row) for row in read_rows(path, _WHAT, COLUMNS)]


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
    """The metrics of those of ``jobs`` of the execution in ``folder`` that have any, read when they
    are asked for. A run that was killed may leave half a line: there are then the rows before the
    first that is wrong, and ``wrong`` says of each file what that is."""

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
    """By split and metric, (step, value) in order of steps. Of a step that was made again after an
    interruption the last row counts."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        found.setdefault((row.split, row.metric), {})[row.step] = row.value
    return {key: sorted(values.items()) for key, values in found.items()}
