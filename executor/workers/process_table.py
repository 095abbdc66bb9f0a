"""The processes that each worker has started. It is read seldom, because that reads a file for each
process."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

import psutil

from rmixer.training.memory import own_resident_bytes, private_bytes

REFRESH_S = 2.0


class ProcessTable:
    """The processes of the machine by their parents, read again every :data:`REFRESH_S`."""

    def __init__(self) -> None:
        self._children: Mapping[int, list[int]] = {}
        self._read_s = float("-inf")

    def descendants(self, pid: int) -> list[int]:
        """The processes that ``pid`` started, and those that these started. Processes newer than
        the table are missing, and some may have ended."""
        if time.monotonic() >= self._read_s + REFRESH_S:
            self._children, self._read_s = _children(), time.monotonic()
        found = self._children.get(pid, [])
        return [*found, *(further for child in found for further in self.descendants(child))]

    def held_bytes(self, pid: int) -> int:
        """Bytes that ``pid`` and its descendants hold and that no file backs. A mapped checkpoint
        and shared data do not count."""
        return own_resident_bytes(pid) + sum(map(private_bytes, self.descendants(pid)))

    def cpu_s(self, pid: int) -> float:
        """Processor time of ``pid`` and its descendants so far, in seconds."""
        cpu_s = 0.0
        for each in (pid, *self.descendants(pid)):
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(each).cpu_times()
                cpu_s += times.user + times.system + times.children_user + times.children_system
        return cpu_s


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        children.setdefault(process.info["ppid"], []).append(process.pid)
    return children
