"""A job's metrics over time: ``metrics/<job>.csv``, and TensorBoard's event files."""

from __future__ import annotations

import contextlib
import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

COLUMNS = ("step", "epoch", "seconds", "split", "metric", "value")
"""The columns of the file, in long form: a row for each metric at each moment."""
Split = Literal["train", "held_out"]
LEAST_S = 0.5
"""Shortest time between two rows of the training."""
SHARE = 0.002
"""Time between two rows as a share of the time so far: a long job has some thousand rows, not a
million."""


class MetricsLog:
    """Appends metrics to the file at ``path`` after ``made`` steps. Rows of later steps, from an
    attempt that was cut off, are removed first. An epoch has ``epoch_steps`` steps (None: unknown).
    With ``tensorboard`` each figure also goes to event files in that folder, written by the package
    tensorboard.

    A full disk does not stop training: ``trouble`` then says what is missing.
    """

    def __init__(
        self, path: Path, made: int, epoch_steps: int | None, tensorboard: Path | None = None
    ) -> None:
        self._path, self._epoch_steps = path, epoch_steps
        self._due_s = 0.0
        self._writer: Any = None
        self.trouble: str | None = None
        self._try(lambda: self._begin(made))
        if tensorboard is not None:
            self._try(lambda: self._open_writer(tensorboard))

    def due(self, seconds: float) -> bool:
        """True if a row of the training should be written after ``seconds`` of it."""
        return seconds >= self._due_s

    def add(self, step: int, seconds: float, split: Split, values: Mapping[str, float]) -> None:
        """Writes ``values`` by metric after ``step`` steps and ``seconds`` of training."""
        if split == "train":
            self._due_s = seconds + max(LEAST_S, SHARE * seconds)
        epoch = f"{step / self._epoch_steps:.6g}" if self._epoch_steps else ""
        rows = [
            (step, epoch, f"{seconds:.3f}", split, name, f"{value:.9g}")
            for name, value in values.items()
        ]
        self._try(lambda: self._append(rows))
        if self._writer is not None:
            self._try(lambda: self._add_events(step, split, values))

    def close(self) -> None:
        """Writes the rest."""
        if self._writer is not None:
            self._try(self._writer.close)

    def _begin(self, made: int) -> None:
        kept = _rows_until(self._path, made) if made else []
        self._path.parent.mkdir(parents=True, exist_ok=True)
        aside = self._path.with_name(f".{self._path.name}.tmp")
        try:
            with aside.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([COLUMNS, *kept])
            aside.replace(self._path)
        finally:
            aside.unlink(missing_ok=True)

    def _append(self, rows: list[tuple[Any, ...]]) -> None:
        with self._path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)

    def _open_writer(self, folder: Path) -> None:
        from tensorboard.summary import Writer

        self._writer = Writer(str(folder))

    def _add_events(self, step: int, split: Split, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(f"{split}/{name}", value, step)
        self._writer.flush()

    def _try(self, write: Any) -> None:
        try:
            write()
        except OSError as error:
            self.trouble = self.trouble or f"metrics are missing: {error.strerror or error}"


def _rows_until(path: Path, made: int) -> list[list[str]]:
    """The whole rows of the file at ``path`` of at most ``made`` steps."""
    with contextlib.suppress(OSError), path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == len(COLUMNS)]
        return [row for row in rows[1:] if _step_of(row) <= made]
    return []


def _step_of(row: list[str]) -> float:
    return float(row[0]) if row[0].isdecimal() else math.inf
