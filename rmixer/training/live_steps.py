"""Counts the training steps of a running program as they end, in little memory."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from rmixer.files.holes import give_back
from rmixer.training.step_events import StepEvent, StepEvents, rounds

WINDOW = 1024
"""The number of a process's events that are analysed together; those before are counted already."""
GIVE_BACK_BYTES = 4 << 20


class LiveSteps:
    """The steps by the rules of :func:`~rmixer.training.step_events.step_ends`, from the events
    that a program appends to the file at ``path``.

    A reported step is not taken back: if later events show that two were one, the next new step is
    not reported.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._events = StepEvents(path)
        self._said: dict[int, list[float]] = defaultdict(list)
        self._said_before: dict[int, int] = defaultdict(int)
        self._processes: dict[int, _Process] = {}
        self._given_back = 0
        self._last_s = float("-inf")
        self.told = 0
        """The number of reported steps."""

    @property
    def backward_passes(self) -> int:
        """The number of backward passes before the first sign of an optimizer."""
        return self._events.backward_passes

    def new_ends(self, ended: bool = False) -> list[float]:
        """The ends of the steps since the last call, on the machine's monotonic clock, in order;
        ``ended`` if the program has."""
        fresh = self._events.fresh()
        if not fresh and not (ended and self.told):
            return []
        for event in fresh:
            if event.called:
                self._said[event.pid].append(event.at_s)
            elif not self._said:
                self._processes.setdefault(event.pid, _Process()).add(event)
        ends, before = self._counted(ended)
        found = ends[max(0, self.told - before) :] if before + len(ends) > self.told else []
        self.told += len(found)
        for index, end_s in enumerate(found):  # of another process they may begin a moment before
            self._last_s = found[index] = max(end_s, self._last_s)
        self._forget()
        return found

    def _counted(self, ended: bool) -> tuple[list[float], int]:
        """The latest steps of the process with most events, and the number of steps before them."""
        if self._said:
            pid = max(self._said, key=lambda each: self._said_before[each] + len(self._said[each]))
            return self._said[pid], self._said_before[pid]
        leader = max(self._processes.values(), key=lambda process: process.events)
        return leader.latest(ended), leader.before

    def _forget(self) -> None:
        for pid, ends in self._said.items():
            self._said_before[pid] += len(ends[:-1])
            del ends[:-1]
        for process in self._processes.values():
            process.forget()
        read = self._events.read_bytes
        if read - self._given_back >= GIVE_BACK_BYTES:
            give_back(self._path, read)
            self._given_back = read


class _Process:
    """The events of one process: their number, the latest of them, and the steps before those."""

    def __init__(self) -> None:
        self.events = self.before = 0
        self._latest: list[StepEvent] = []

    def add(self, event: StepEvent) -> None:
        self.events += 1
        self._latest.append(event)

    def latest(self, ended: bool) -> list[float]:
        return rounds(self._latest, ended)

    def forget(self) -> None:
        """Drops the first half of the latest events, up to the end of a step, if they are many."""
        if len(self._latest) <= WINDOW:
            return
        ends = rounds(self._latest)
        cut = len(ends) // 2
        if not cut:
            return
        last_s = ends[cut - 1]
        self._latest = [event for event in self._latest if event.at_s > last_s]
        self.before += cut
