"""Writes samples to disk as one ``.npy`` file per column, in chunks, safe against interruption."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from rmixer.data.arrays import Chunk, Chunks, Column, shape_of
from rmixer.data.block_journal import WrittenBlock, add_to_journal, read_journal
from rmixer.data.dataset import ParsedColumns
from rmixer.data.kept_blocks import BlockFacts
from rmixer.errors import InputError
from rmixer.files.typed_files import write_json

JOURNAL = "written_blocks.jsonl"
_CHECKPOINT_BYTES = 128 << 20


class ArrayWriter:
    """Columns that grow in ``folder``, which may hold the files of an interrupted writer.

    Ids are checked here once against ``id_rows``, because an id beyond its table would end every
    job of a GPU. Raises :class:`InputError`, naming ``where``, if that fails or no sample is left
    for one of the two parts.
    """

    def __init__(self, folder: Path, columns: Mapping[str, Column], where: object) -> None:
        self._folder, self._columns, self._where = folder, columns, where
        self._journal = folder / JOURNAL
        written = read_journal(self._journal)
        self._files: dict[str, IO[bytes]] = {}
        for name in columns:
            path = folder / f"{name}.npy"
            path.touch()
            self._files[name] = path.open("r+b")
        self._starts = {name: self._write_header(name, 0) for name in columns}
        rows = written[-1].stop if written else 0
        if not all(self._size(name) >= self._end(name, rows) for name in columns):
            written, rows = [], 0
            self._journal.unlink()
        for name, file in self._files.items():
            file.truncate(self._end(name, rows))
            file.seek(0, os.SEEK_END)
        self.rows = rows
        self.written = {(block.call, block.index): block for block in written}
        """The blocks that an interrupted writer left."""
        self._waiting: list[tuple[WrittenBlock, Callable[[], None]]] = []
        self._waiting_bytes = 0
        self._only_blocks = True

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            with contextlib.suppress(OSError):  # what is not synced was not promised
                file.close()

    def left(self, block: WrittenBlock) -> ParsedColumns:
        """The columns of a block of :attr:`written`, memory-mapped."""
        columns: dict[str, NDArray[Any]] = {}
        for name, column in self._columns.items():
            shape = shape_of(column, block.stop - block.start)
            place = self._end(name, block.start)
            path = self._folder / f"{name}.npy"
            columns[name] = np.asarray(np.memmap(path, column.stored, "r", place, shape))
        return columns

    def append(self, chunk: Chunk) -> None:
        """Writes a chunk. It and all after it are written again after an interruption."""
        self._only_blocks = False
        self._write(chunk)

    def append_block(
        self,
        columns: ParsedColumns,
        place: tuple[int, int],
        facts: BlockFacts,
        on_disk: Callable[[], None],
    ) -> None:
        """Writes the block at ``place`` (call, index) unchanged. Unless other chunks came before,
        it is not written again after an interruption once ``on_disk`` has been called."""
        start = self.rows
        self._write(columns)
        if self._only_blocks:
            self._waiting.append((WrittenBlock(*place, start, self.rows, facts), on_disk))
            self._waiting_bytes += sum(columns[name].nbytes for name in self._columns)
            if self._waiting_bytes >= _CHECKPOINT_BYTES:
                self._checkpoint()

    def takes(self, columns: ParsedColumns) -> bool:
        """True if ``columns`` are stored unchanged, so that :meth:`left` gives them back."""
        return columns.keys() == self._columns.keys() and all(
            columns[name].dtype == np.dtype(column.stored) for name, column in self._columns.items()
        )

    def finish(self, train_rows: int) -> None:
        """Completes the files; the first ``train_rows`` samples are for training."""
        if not 0 < train_rows < self.rows:
            found = f"{train_rows} samples for training and {self.rows - train_rows} held out"
            raise InputError(self._where, "", found, "at least one of each")
        for name in self._columns:
            self._write_header(name, self.rows)
        self._sync()
        write_json(self._folder / "arrays.json", {"rows": self.rows, "train_rows": train_rows})

    def _checkpoint(self) -> None:
        self._sync()
        add_to_journal(self._journal, [block for block, _ in self._waiting])
        for _, on_disk in self._waiting:
            on_disk()
        self._waiting, self._waiting_bytes = [], 0

    def _sync(self) -> None:
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())

    def _write(self, chunk: Chunk) -> None:
        lengths = {len(chunk[name]) for name in self._columns}
        if len(lengths) != 1:
            raise ValueError(f"columns of unequal lengths: {sorted(lengths)}")
        for name, column in self._columns.items():
            values = chunk[name]
            if column.id_rows is not None and values.size:
                _check_ids(values, column.id_rows, self._where, name)
            content = np.ascontiguousarray(values, dtype=column.stored)
            self._files[name].write(content.data)
        self.rows += lengths.pop()

    def _write_header(self, name: str, rows: int) -> int:
        """Writes the header at the start of the file and returns its length. Numpy pads headers so
        that the first axis may grow in place."""
        column, file = self._columns[name], self._files[name]
        descr = npy.dtype_to_descr(np.dtype(column.stored))
        header = {"descr": descr, "fortran_order": False, "shape": shape_of(column, rows)}
        file.seek(0)
        npy.write_array_header_1_0(file, header)
        file.flush()
        return file.tell()

    def _end(self, name: str, rows: int) -> int:
        column = self._columns[name]
        return self._starts[name] + rows * max(1, column.width) * np.dtype(column.stored).itemsize

    def _size(self, name: str) -> int:
        return os.fstat(self._files[name].fileno()).st_size


def each_chunk(chunks: Chunks, take: Callable[[Chunk], None]) -> int:
    """Calls ``take`` for each of ``chunks`` and returns their return value."""
    while True:
        try:
            chunk = next(chunks)
        except StopIteration as end:
            return int(end.value)
        take(chunk)


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
