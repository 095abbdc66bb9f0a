"""Ends jobs that take more memory than they may, from a thread."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from executor.workers.memory_group import NO_LIMIT_BYTES, MemoryGroup
from executor.workers.workers import Place
from profiles.machines import limits
from rmixer.display.quantities import size
from rmixer.training.task_failure import OutOfMemory

MOST_OF_PROMISE = 1.5
FLOOR_SHARE, FLOOR_BYTES = 0.02, 256 << 20
"""Memory of the machine that must stay free: this share, and at least these bytes."""
EVERY_S = 0.1
"""Seconds between two looks. A process can hardly take more than half a GB meanwhile."""
CLOSE_LIMIT_S = 10.0
KILLED_FIRST = "500"
"""Priority from -1000 to 1000 with which Linux kills a process when memory is out. Others have
0."""
_STEP_BYTES = 64 << 20


@dataclass
class _Watched:
    """``held_bytes`` returns the bytes that a job holds now, ``end`` ends it; ``most_bytes`` is the
    most seen so far."""

    held_bytes: Callable[[], int]
    end: Callable[[], None]
    promised_bytes: int
    most_bytes: int = 0
    why: OutOfMemory | None = None


class MemoryGuard:
    """Watches the memory of jobs. Each may hold 1.5 times the bytes booked for it. All together
    must leave the machine some free memory; if that is in danger, the job that is furthest above
    its booking is ended.

    If a control group can be created, the processes of the run share one. It pauses them before
    free memory gets too small, so that the system's own killer is not reached between two looks.
    """

    def __init__(self) -> None:
        self._watched: dict[Place, _Watched] = {}
        self._lock, self._over = threading.Lock(), threading.Event()
        memory_bytes = limits.usable_memory_bytes()
        self._floor_bytes = max(FLOOR_BYTES, int(FLOOR_SHARE * memory_bytes))
        self._free = limits.FreeMemory()
        self._group: MemoryGroup | None = None
        self._group_bytes = 0
        self._thread: threading.Thread | None = None

    def add_process(self, pid: int) -> None:
        """Adds a process of the run that will work on jobs. If the system must kill a process after
        all, it takes one of these first."""
        if self._thread is None:
            self._over.clear()
            self._group = MemoryGroup.create()
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text(KILLED_FIRST, encoding="ascii")
        if self._group is not None and not self._group.add(pid):
            with self._lock:
                group, self._group = self._group, None  # it may be made, but takes none of ours
            group.limit(NO_LIMIT_BYTES)
            group.remove()

    def watch(
        self,
        place: Place,
        promised_bytes: int,
        held_bytes: Callable[[], int],
        end: Callable[[], None],
    ) -> None:
        """Watches the job at ``place`` from now on. With ``promised_bytes`` 0 (unknown) it is ended
        only if the machine is short of memory and no other job is left to end."""
        with self._lock:
            self._watched[place] = _Watched(held_bytes, end, promised_bytes)

    def forget(self, place: Place) -> OutOfMemory | None:
        """Forgets the job at ``place``, which has ended. Returns the reason if it was ended
        here."""
        with self._lock:
            watched = self._watched.pop(place, None)
        return watched.why if watched else None

    def most_bytes(self, place: Place) -> int:
        """The most that the job at ``place`` was seen to hold."""
        watched = self._watched.get(place)
        return watched.most_bytes if watched else 0

    def close(self) -> None:
        """Stops watching; the processes of the run have ended."""
        if self._thread is None:
            return
        self._over.set()
        self._thread.join(CLOSE_LIMIT_S)  # the memory of a process that is stuck cannot be read
        self._thread = None
        if self._group is not None:
            self._group.remove()
            self._group = None

    def _work(self) -> None:
        told = False
        while not self._over.wait(EVERY_S):
            try:
                with self._lock:
                    self._look()
            except Exception as error:  # one look that fails is not the last
                if not told:
                    print(f"memory could not be looked at once: {error!r}", file=sys.stderr)
                told = True

    def _look(self) -> None:
        held = {}
        for place, watched in self._watched.items():
            if watched.why is None:
                held[place] = watched.held_bytes()
                watched.most_bytes = max(watched.most_bytes, held[place])
                most = MOST_OF_PROMISE * watched.promised_bytes
                if most and held[place] > most:
                    self._end(watched, held.pop(place), "")
        if self._is_short() and held:
            self._end_worst(held)

    def _end_worst(self, held: Mapping[Place, int]) -> None:
        def excess(place: Place) -> tuple[bool, int]:
            promised_bytes = self._watched[place].promised_bytes
            return promised_bytes > 0, held[place] - promised_bytes

        place = max(held, key=excess)
        left = f"; less than {size(self._floor_bytes)} of the machine's memory was left"
        self._end(self._watched[place], held[place], left)

    def _end(self, watched: _Watched, held_bytes: int, left: str) -> None:
        says = f", its profile says {size(watched.promised_bytes)}" * bool(watched.promised_bytes)
        text = f"it held {size(held_bytes)} of memory{says}{left}"
        watched.why = OutOfMemory(text, text, "out_of_memory", held_bytes)
        watched.end()

    def _is_short(self) -> bool:
        """True if too little memory is left. Moves the limit of the group with the free memory."""
        free_bytes = self._free.bytes()
        if self._group is None:
            return free_bytes < self._floor_bytes
        wanted = self._group.used_bytes + free_bytes - self._floor_bytes
        if abs(wanted - self._group_bytes) >= _STEP_BYTES:
            self._group.limit(wanted)
            self._group_bytes = wanted
        return free_bytes < self._floor_bytes or self._group.is_stuck
