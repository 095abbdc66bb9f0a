"""Measures how long the threads of a process were ready to run while others had its cores."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

from rmixer.training.process import WorkerProcess
from rmixer.training.process_tree import ProcessTree

MOST_WAITED = 0.05
"""A measurement is disturbed if it waited for more of its cores' time than this."""
_PROC = Path("/proc")


def waited_s(pid: int, proc: Path = _PROC) -> float:
    """Seconds that the threads of process ``pid`` have waited for a core, all together; 0 if the
    system does not count them (Linux does, as the second number of each thread's ``schedstat``)."""
    total_ns = 0
    for file in proc.glob(f"{pid}/task/*/schedstat"):
        with contextlib.suppress(OSError, IndexError, ValueError):  # a thread that has just ended
            total_ns += int(file.read_text(encoding="ascii").split()[1])
    return total_ns * 1e-9


class Waiting:
    """Measures from its creation the share of the time of its cores for which ``worker`` waited."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker, self._tree = worker, ProcessTree(worker.pid)
        self._begin_s = time.perf_counter()
        self._waited_s, self._used_s = waited_s(worker.pid), self._tree.sample()

    def share(self) -> float:
        """The share so far, at most 1. If it waited for its own processes, others did not have the
        cores: the share is at most the time that its processes left."""
        passed_s = (time.perf_counter() - self._begin_s) * len(self._worker.cores)
        waited = (waited_s(self._worker.pid) - self._waited_s) / passed_s
        left = 1.0 - (self._tree.sample() - self._used_s) / passed_s
        return max(0.0, min(waited, left, 1.0))


def taken_in_words(taken: Mapping[int, float]) -> str:
    """A text with the shares of cores that other programs have; "" if there are none."""
    if not taken:
        return ""
    each = ", ".join(f"{share:.0%} of core {core}" for core, share in taken.items())
    words = "end them first, or measuring takes far longer and includes their load"
    return f"other programs have {each}: {words}"
