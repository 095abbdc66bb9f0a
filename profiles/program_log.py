"""What a command job's program prints, kept within bounds: some print without end."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

MOST_BYTES = 64 << 20
"""That the file may take of the disk while the program runs,"""
KEPT_BYTES = 1 << 20
"""and, of a file that was to become larger, what is kept: its end."""
LOOK_S = 0.2
_BLOCK_BYTES = 512
"""What a file system counts in, whatever its own blocks are."""


@contextlib.contextmanager
def within_bounds(log: Path) -> Iterator[None]:
    """While the context lasts, what was printed to ``log`` is given back to the disk whenever it
    takes too much of it; afterwards, when nothing prints any more, such a file is its own end."""
    over = threading.Event()
    lost = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            if _taken_bytes(log) > MOST_BYTES:
                lost.set()
                os.truncate(log, 0)  # what comes next is written where it would have been

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
