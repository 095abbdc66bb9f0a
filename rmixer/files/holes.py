"""Gives back to the disk what lies at the beginning of a file that goes on being written."""

from __future__ import annotations

import ctypes
from pathlib import Path

_KEEP_SIZE, _PUNCH_HOLE = 1, 2
"""Of ``linux/falloc.h``."""


def give_back(path: Path, until_bytes: int) -> None:
    """Make a hole of the first ``until_bytes`` of the file at ``path``: what follows stays where it
    is. Where the file system knows no holes nothing happens."""
    libc = ctypes.CDLL(None)
    fallocate = getattr(libc, "fallocate64", None) or getattr(libc, "fallocate", None)
    if fallocate is None:
        return
    with path.open("r+b") as file:
        hole = ctypes.c_int64(0), ctypes.c_int64(until_bytes)
        fallocate(file.fileno(), _KEEP_SIZE | _PUNCH_HOLE, *hole)
