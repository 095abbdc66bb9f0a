"""Writes large files directly to the disk, past the system's file cache.

A file that is not read soon needs no place in memory. The cache has to find that place page by
page: on a virtual machine whose memory is lent anew this takes ten times as long as the disk does,
and pages that wait for the disk count as used memory.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from pathlib import Path
from typing import Any

_BUFFER_BYTES = 1 << 22
_DIRECT = getattr(os, "O_DIRECT", 0)


class DirectFile:
    """A new file at ``path``, or in place of the one there, written once from its start.

    It is a file for ``torch.save``. A failed write is remembered, later ones are dropped, and
    :meth:`finish` raises it: torch's writer, which is not Python, could not pass it on properly. If
    a file system has no direct writes, it writes through the cache.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
        try:
            self._file = os.open(path, flags | _DIRECT, 0o666)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._file = os.open(path, flags, 0o666)
        # Direct writes are of whole blocks of the disk, from memory that begins at a page.
        self._buffer = memoryview(mmap.mmap(-1, _BUFFER_BYTES))
        self._filled = 0
        self._error: OSError | None = None

    def write(self, data: Any) -> int:
        """Takes ``data``, bytes or a buffer; returns the number of bytes."""
        left = memoryview(data).cast("B")
        size = len(left)
        while len(left) and self._error is None:
            part = left[: _BUFFER_BYTES - self._filled]
            end = self._filled + len(part)
            self._buffer[self._filled : end] = part
            self._filled, left = end, left[len(part) :]
            if end == _BUFFER_BYTES:
                self._empty()
        return size

    def flush(self) -> None:
        """Does nothing; torch's writer calls it at its end."""

    def finish(self) -> None:
        """Writes the rest, and waits until all is on the disk. Raises :class:`OSError` if that or
        an earlier write failed (a full disk: ``errno.ENOSPC``)."""
        self._write_through_cache()
        self._empty()
        if self._error is not None:
            raise self._error
        os.fsync(self._file)

    def _empty(self) -> None:
        left = self._buffer[: self._filled]
        self._filled = 0
        while len(left) and self._error is None:
            try:
                left = left[os.write(self._file, left) :]
            except OSError as error:
                if error.errno == errno.EINVAL and self._write_through_cache():
                    continue
                self._error = error

    def _write_through_cache(self) -> bool:
        """Turns direct writes off; returns True if they were on."""
        flags = fcntl.fcntl(self._file, fcntl.F_GETFL)
        fcntl.fcntl(self._file, fcntl.F_SETFL, flags & ~_DIRECT)
        return bool(flags & _DIRECT)

    def __enter__(self) -> DirectFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def sync_file(path: Path) -> None:
    """Waits until the content and the name of the file at ``path`` are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Waits until the names of the files in ``folder`` are on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
