"""Which processes each worker has started, looked up seldom: that reads one file a process."""

from __future__ import annotations

import time
from collections.abc import Mapping

import psutil

REFRESH_S = 2.0


class ProcessTable:
    """The processes of the machine by their parents, read anew every :data:`REFRESH_S`."""

    def __init__(self) -> None:
        self._children: Mapping[int, list[int]] = {}
        self._read_s = float("-inf")

    def descendants(self, pid: int) -> list[int]:
        """The processes that ``pid`` started, and those that these started. One that is younger
        than the table is not among them, and one that has ended may be."""
        if time.monotonic() >= self._read_s + REFRESH_S:
            self._children, self._read_s = _children(), time.monotonic()
        found = self._children.get(pid, [])
        return [*found, *(further for child in found for further in self.descendants(child))]


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        children.setdefault(process.info["ppid"], []).append(process.pid)
    return children
