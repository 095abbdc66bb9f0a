"""Samples as named columns on disk: written in chunks, read through memory maps."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from rmixer.errors import InputError
from rmixer.files import write_json

Chunk = Mapping[str, NDArray[Any]]
Chunks = Generator[Chunk, None, int]
"""Samples in order, as dicts of columns of equal length. The generator returns how many of all
its samples, from the first on, are for training; the others are held out."""


@dataclass(frozen=True)
class Column:
    """One column: ``stored`` is the type on disk, ``loaded`` the one in a batch, ``width`` the
    length of a sample's entry (0: a single number), ``id_rows`` the number of ids, 0 up to
    ``id_rows`` - 1, if these are ids: one number for the whole entry, or one for each place."""

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
        """All samples, training and held out."""
        return len(next(iter(self.values.values())))


def write_arrays(
    folder: Path, columns: Mapping[str, Column], chunks: Chunks, where: object
) -> None:
    """Write ``chunks`` as one ``.npy`` file per column into the empty ``folder``.

    Ids are checked against ``id_rows`` here, once: an id beyond its table would end every job of
    a GPU. Raises :class:`InputError`, naming ``where``, if that fails or no sample is left for
    one of the two parts.
    """
    files = {name: (folder / f"{name}.npy").open("w+b") for name in columns}
    rows = 0
    try:
        for name, column in columns.items():
            _write_header(files[name], column, 0)
        while True:
            try:
                chunk = next(chunks)
            except StopIteration as end:
                train_rows = int(end.value)
                break
            rows += _append(files, columns, chunk, where)
        for name, column in columns.items():
            _write_header(files[name], column, rows)
    finally:
        for file in files.values():
            file.close()
    if not 0 < train_rows < rows:
        found = f"{train_rows} samples for training and {rows - train_rows} held out"
        raise InputError(where, "", found, "at least one of each")
    write_json(folder / "arrays.json", {"rows": rows, "train_rows": train_rows})


def read_arrays(folder: Path, columns: Mapping[str, Column]) -> Arrays:
    """The arrays that :func:`write_arrays` left in ``folder``, memory-mapped."""
    facts = json.loads((folder / "arrays.json").read_text(encoding="utf-8"))
    values = {}
    for name, column in columns.items():
        values[name] = np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))
        expected = _shape(column, facts["rows"])
        if values[name].shape != expected:
            allowed = f"shape {expected}; remove the folder to have it made again"
            raise InputError(folder / f"{name}.npy", "", f"shape {values[name].shape}", allowed)
    return Arrays(columns, values, facts["train_rows"])


def _append(
    files: Mapping[str, IO[bytes]], columns: Mapping[str, Column], chunk: Chunk, where: object
) -> int:
    lengths = {len(chunk[name]) for name in columns}
    if len(lengths) != 1:
        raise ValueError(f"columns of unequal lengths: {sorted(lengths)}")
    for name, column in columns.items():
        values = chunk[name]
        if column.id_rows is not None and values.size:
            _check_ids(values, column.id_rows, where, name)
        np.ascontiguousarray(values, dtype=column.stored).tofile(files[name])
    return lengths.pop()


def _check_ids(
    values: NDArray[Any], id_rows: int | tuple[int, ...], where: object, name: str
) -> None:
    least, most = values.min(axis=0), values.max(axis=0)
    wrong = np.atleast_1d((least < 0) | (most >= np.asarray(id_rows)))
    if wrong.any():
        place = int(wrong.argmax())
        rows = id_rows[place] if isinstance(id_rows, tuple) else id_rows
        found = f"ids {np.atleast_1d(least)[place]} to {np.atleast_1d(most)[place]}"
        raise InputError(where, name, found, f"0 to {rows - 1}")


def _shape(column: Column, rows: int) -> tuple[int, ...]:
    return (rows, column.width) if column.width else (rows,)


def _write_header(file: IO[bytes], column: Column, rows: int) -> None:
    """At the start of ``file``; numpy pads headers so that the first axis may grow in place."""
    descr = npy.dtype_to_descr(np.dtype(column.stored))
    header = {"descr": descr, "fortran_order": False, "shape": _shape(column, rows)}
    file.seek(0)
    npy.write_array_header_1_0(file, header)
    if rows == 0:
        file.flush()
