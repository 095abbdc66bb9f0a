"""What a command job's program prints, kept within bounds: some print without end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator
from pathlib import Path

MOST_BYTES = 64 << 20
"""What the file may take of the disk while the program runs."""
KEPT_BYTES = 1 << 20
"""How much is kept, the end, of a file that was to take more."""
LOOK_S = 0.2
_BLOCK_BYTES = 512
"""What a file system counts in, whatever its own blocks are."""
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
"""Of ``linux/falloc.h``."""


@contextlib.contextmanager
def within_bounds(log: Path) -> Iterator[None]:
    """While the context lasts, all but the end of what was printed to ``log`` is given back to the
    disk whenever it takes too much of it; afterwards, when nothing prints any more, such a file is
    its own end."""
    over, lost = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            if _taken_bytes(log) > MOST_BYTES:
                lost.set()
                _give_back(log)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
        if lost.is_set() or _taken_bytes(log) > MOST_BYTES:
            _keep_end(log)


def _taken_bytes(log: Path) -> int:
    try:
        return log.stat().st_blocks * _BLOCK_BYTES
    except FileNotFoundError:
        return 0


def _give_back(log: Path) -> None:
    """Make a hole of all but the end, which stays where it is; where the file system knows no
    holes, the end goes too, for there is no other way to bound it."""
    libc = ctypes.CDLL(None)
    with log.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        hole = ctypes.c_int64(0), ctypes.c_int64(max(0, size - KEPT_BYTES))
        fallocate = getattr(libc, "fallocate64", None) or getattr(libc, "fallocate", None)
        if fallocate is None or fallocate(file.fileno(), _KEEP_SIZE | _PUNCH_HOLE, *hole) != 0:
            os.truncate(log, 0)


def _keep_end(log: Path) -> None:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - KEPT_BYTES))
        end = file.read().lstrip(b"\0")  # of what was given back
    if len(end) == size:
        return
    shorter = log.with_name(f".{log.name}.{os.getpid()}.tmp")
    left_out = f"[the first {size - len(end)} bytes are left out]\n"
    shorter.write_bytes(left_out.encode() + end)
    shorter.replace(log)
