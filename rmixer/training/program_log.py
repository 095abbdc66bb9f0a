"""The log of a command job's program, with limited size: some programs print without end."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

MOST_BYTES = 16 << 20
"""The largest size of the file."""
HEAD_BYTES, NEWEST_BYTES = 1 << 20, 4 << 20
"""Bytes kept of the beginning and of the end of a file that grew too large."""
LEFT_OUT = b"\n[... much was printed here: only the beginning and the end are kept ...]\n"
AGAIN = b"--- started again ---\n"
LOST = b"\n[... the disk took nothing for a while: something is missing here ...]\n"
LAST_BYTES = 1 << 14
"""Bytes of the end kept in memory, even if the disk is full."""
_CHUNK_BYTES = 1 << 16


class ProgramLog:
    """Reads output from a pipe, whose other end is ``end``, and appends it to the file ``path``.

    A file that would exceed :data:`MOST_BYTES` is written anew: its beginning, a line that says so,
    and its end. On a full disk only these lines are lost: the program never waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = bytearray()
        self._lost = False
        ours, self.end = os.pipe()
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(AGAIN if file.tell() else b"")
        self._thread = threading.Thread(target=self._drain, args=(ours,), daemon=True)
        self._thread.start()

    def started(self) -> None:
        """Closes our copy of ``end`` once the program has one."""
        os.close(self.end)

    def finish(self, within_s: float = 1.0) -> None:
        """Waits until all output is in the file, but not long: a process left behind may keep the
        pipe open."""
        self._thread.join(within_s)

    def last_lines(self, most: int) -> list[str]:
        """The end of the output, in at most ``most`` lines."""
        return bytes(self._last).decode("utf-8", "replace").splitlines()[-most:]

    def _drain(self, ours: int) -> None:
        with os.fdopen(ours, "rb", buffering=0) as pipe:
            while printed := pipe.read(_CHUNK_BYTES):
                self._last += printed
                del self._last[:-LAST_BYTES]
                try:
                    self._append(printed)
                    self._lost = False
                except OSError:
                    self._lost = True

    def _append(self, printed: bytes) -> None:
        text = LOST + printed if self._lost else printed
        with self.path.open("ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size + len(text) <= MOST_BYTES:
                file.write(text)
                return
        self._shorten(size)
        with self.path.open("ab", buffering=0) as file:
            file.write(text)

    def _shorten(self, size: int) -> None:
        with self.path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            file.seek(max(len(head), size - NEWEST_BYTES))
            newest = file.read()
        shorter = self.path.with_name(f".{self.path.name}.tmp")
        try:
            shorter.write_bytes(head + LEFT_OUT + newest)
            shorter.replace(self.path)
        finally:
            shorter.unlink(missing_ok=True)
