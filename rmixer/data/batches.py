"""From a data set's name to batches of tensors."""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from rmixer.data.arrays import Arrays, Chunks, Column, read_arrays, write_arrays
from rmixer.data.hashing import mix64
from rmixer.errors import InputError
from rmixer.files import content_hash
from rmixer.home import home
from rmixer.workload import SYNTHETIC


class Dataset(Protocol):
    """What a module ``rmixer.data.<name>`` offers."""

    COLUMNS: Mapping[str, Column]

    def twin(self) -> Chunks:
        """Synthetic samples like the real ones: the same at every call."""

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """The raw files under ``data``; raises :class:`InputError` if one is missing."""

    def read(self, data: Path) -> Chunks:
        """The samples of the raw files; raises :class:`InputError` for what is malformed."""


def prepare(dataset: str, data: str) -> Path:
    """The folder that holds ``dataset`` as arrays, made first if it is not there.

    ``data`` is ``synthetic`` or a path to raw files. The folder's name has a hash of the sources
    that make it, and of the raw files' names, sizes and times. It is written under another name
    and renamed, so that processes may do this at once and none sees half of it.
    """
    module = cast(Dataset, importlib.import_module(f"rmixer.data.{dataset}"))
    raw = () if data == SYNTHETIC else module.raw_files(Path(data))
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in raw]
    folder = home() / "data" / f"{dataset}-{content_hash([_sources(), stats])}"
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"{folder.parent}: {error.strerror}"
        raise InputError("RMIXER_HOME", "", found, "a folder that can be written") from None
    try:
        chunks = module.read(Path(data)) if raw else module.twin()
        write_arrays(unfinished, module.COLUMNS, chunks, data)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def open_dataset(dataset: str, data: str) -> Arrays:
    """``dataset`` as memory-mapped arrays, prepared if need be; see :func:`prepare`."""
    module = cast(Dataset, importlib.import_module(f"rmixer.data.{dataset}"))
    return read_arrays(prepare(dataset, data), module.COLUMNS)


@cache
def _sources() -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class Batches:
    """Batches of ``batch`` samples in a fixed order, contiguous slices of the arrays.

    ``seed`` chooses the first; after the last whole batch comes the first again, and a partial
    one is never given. With ``rows_cap``, ids are taken modulo the capped number of rows.
    """

    def __init__(self, arrays: Arrays, batch: int, seed: int, rows_cap: int | None = None) -> None:
        self._arrays, self._batch, self._cap = arrays, batch, rows_cap
        self._whole = arrays.train_rows // batch
        if self._whole == 0:
            allowed = f"at most the {arrays.train_rows} samples there are for training"
            raise InputError("job", "batch", batch, allowed)
        first = mix64(np.array([seed], dtype=np.uint64))[0]
        self._next = int(first % np.uint64(self._whole))

    def next_batch(self) -> dict[str, Tensor]:
        """The next training batch: each column of shape [batch] or [batch, width]."""
        start = self._next * self._batch
        self._next = (self._next + 1) % self._whole
        return self._slice(start, start + self._batch)

    def held_out(self, count: int) -> Iterator[dict[str, Tensor]]:
        """The first ``count`` batches of the held-out part, fewer if it is shorter; its last
        batch may be partial."""
        first, end = self._arrays.train_rows, self._arrays.rows
        for start in range(first, min(first + count * self._batch, end), self._batch):
            yield self._slice(start, min(start + self._batch, end))

    def _slice(self, start: int, stop: int) -> dict[str, Tensor]:
        batch = {}
        for name, column in self._arrays.columns.items():
            values = self._arrays.values[name][start:stop].astype(column.loaded)
            if self._cap is not None and column.id_rows is not None and self._cap < column.id_rows:
                values %= self._cap
            batch[name] = torch.from_numpy(values)
        return batch
