"""Base of warm workers and programs: processes at places, and their events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from executor.workers.memory_guard import MemoryGuard
from executor.workers.process_table import ProcessTable
from executor.workers.workers import Event, Place


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
