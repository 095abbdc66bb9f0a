"""Frees the disk space of the beginning of a file that is still being written."""

from __future__ import annotations

import ctypes
from pathlib import Path

_KEEP_SIZE, _PUNCH_HOLE = 1, 2
"""Flags of ``linux/falloc.h``."""


def give_back(path: Path, until_bytes: int) -> None:
    """Frees the first ``until_bytes`` of the file at ``path``; the rest stays where it is. Does
    nothing on a file system without holes."""
    libc = ctypes.CDLL(None)
    fallocate = getattr(libc, "fallocate64", None) or getattr(libc, "fallocate", None)
    if fallocate is None:
        return
    with path.open("r+b") as file:
        hole = ctypes.c_int64(0), ctypes.c_int64(until_bytes)
        fallocate(file.fileno(), _KEEP_SIZE | _PUNCH_HOLE, *hole)
