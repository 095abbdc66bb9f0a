"""Base of warm workers and programs: processes at places, what they started, and their events."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

import psutil

from executor.workers.memory_guard import MemoryGuard
from executor.workers.workers import Event, Place
from rmixer.training.memory import own_resident_bytes, private_bytes


class Placed(ABC):
    """Has a process at each place in :meth:`pids`; ``memory`` watches the memory of its jobs."""

    def __init__(self, memory: MemoryGuard) -> None:
        self._happened: list[Event] = []
        self._table, self._memory = ProcessTable(), memory

    @abstractmethod
    def pids(self) -> Mapping[Place, int]:
        """The process at each place that has one."""

    @property
    def has_events(self) -> bool:
        """True if events are ready without waiting."""
        return bool(self._happened)

    def cpu_s(self, place: Place) -> float:
        """See :class:`~executor.workers.workers.Workers`."""
        pid = self.pids().get(place)
        return 0.0 if pid is None else self._table.cpu_s(pid)

    def processes(self, device: str) -> list[list[int]]:
        """See :class:`~executor.workers.workers.Workers`."""
        return [[pid, *self._table.descendants(pid)] for pid in self._at(device)]

    def memory_bytes(self, device: str) -> int:
        """See :class:`~executor.workers.workers.Workers`."""
        return sum(map(self._table.held_bytes, self._at(device)))

    def cpu_seconds(self) -> float:
        """Processor time of the processes that there are now, in seconds. The system adds that of
        ended ones to this process's children."""
        return sum(map(self._table.cpu_s, self.pids().values()))

    def _at(self, device: str) -> list[int]:
        return [pid for place, pid in self.pids().items() if place[0] == device]

    def _told(self) -> list[Event]:
        """Returns the events since the last call."""
        happened, self._happened = self._happened, []
        return happened


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
