"""Samples as named columns, read from disk through memory maps."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmixer.errors import InputError

Chunk = Mapping[str, NDArray[Any]]
Chunks = Generator[Chunk, None, int]
"""Samples in order, as dicts of columns of equal length. The generator returns how many of all
its samples, from the first on, are for training; the others are held out."""


@dataclass(frozen=True)
class Column:
    """One column: ``stored`` is the type on disk, ``loaded`` the one in a batch, ``width`` the
    length of a sample's entry (0: a single number). ``id_rows`` is the number of ids, for the whole
    entry or for each place; ids go from 0 to it - 1 (None: no ids)."""

    stored: str
    loaded: str
    width: int = 0
    id_rows: int | tuple[int, ...] | None = None

    @property
    def most_rows(self) -> int:
        """The largest number of ids at any place, 0 if these are no ids."""
        return max(self.id_rows) if isinstance(self.id_rows, tuple) else self.id_rows or 0


@dataclass(frozen=True)
class Arrays:
    """A data set: ``values[name]`` has shape [samples] or [samples, width]; the first
    ``train_rows`` samples are for training."""

    columns: Mapping[str, Column]
    values: Mapping[str, NDArray[Any]]
    train_rows: int

    @property
    def rows(self) -> int:
        """The number of samples, training and held out."""
        return len(next(iter(self.values.values())))


def read_arrays(folder: Path, columns: Mapping[str, Column]) -> Arrays:
    """The arrays that :mod:`rmixer.data.array_writer` left in ``folder``, memory-mapped."""
    facts = json.loads((folder / "arrays.json").read_text(encoding="utf-8"))
    values = {}
    for name, column in columns.items():
        values[name] = np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))
        expected = shape_of(column, facts["rows"])
        if values[name].shape != expected:
            allowed = f"shape {expected}; remove the folder to have it made again"
            raise InputError(folder / f"{name}.npy", "", f"shape {values[name].shape}", allowed)
    return Arrays(columns, values, facts["train_rows"])


def shape_of(column: Column, rows: int) -> tuple[int, ...]:
    """The shape of ``column`` with so many samples."""
    return (rows, column.width) if column.width else (rows,)
