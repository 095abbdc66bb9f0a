"""The memory and processor time of a process and all its descendants."""

from __future__ import annotations

import contextlib

import psutil

from rmixer.training.memory import high_water_bytes


class ProcessTree:
    """Process ``pid`` and its descendants, including those whose parent has ended."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._known = {pid: self._root}
        self._shared: dict[int, int] = {}
        self._cpu_s = 0.0
        self.peak_bytes = 0

    def sample(self) -> float:
        """Records the memory of all of them, and returns the core-seconds that they have used so
        far.

        ``peak_bytes`` is the highest sum over those alive at one sample: the first process's own
        high-water mark, and that of each other less the most that it was seen to share (pages
        shared by a fork or a loader are in the first one's already), or its private memory at the
        sample if that is more.
        """
        self._find_new()
        total_bytes, cpu_s = 0, 0.0
        for process in self._alive():
            with contextlib.suppress(psutil.Error, OSError):
                times = process.cpu_times()
                cpu_s += times.user + times.system + times.children_user + times.children_system
                total_bytes += self._own_peak_bytes(process)
        self.peak_bytes = max(self.peak_bytes, total_bytes)
        # One that ended unnoticed takes its time with it: time never runs back.
        self._cpu_s = max(self._cpu_s, cpu_s)
        return self._cpu_s

    @property
    def has_descendants(self) -> bool:
        """True if a process other than the first is alive."""
        self._find_new()
        return any(_runs(process) for process in self._alive() if process.pid != self._root.pid)

    def kill(self) -> None:
        """Kills all that are still alive, but for the first one, which its parent waits for."""
        self._find_new()
        for process in self._alive():
            if process.pid != self._root.pid:
                with contextlib.suppress(psutil.Error):
                    process.kill()

    def _find_new(self) -> None:
        with contextlib.suppress(psutil.Error):
            for child in self._root.children(recursive=True):
                self._known.setdefault(child.pid, child)

    def _alive(self) -> list[psutil.Process]:
        """The processes that still exist; a new process with the number of an earlier one does not
        count."""
        self._known = {pid: one for pid, one in self._known.items() if one.is_running()}
        return list(self._known.values())

    def _own_peak_bytes(self, process: psutil.Process) -> int:
        peak_bytes = high_water_bytes(process.pid)
        if process.pid == self._root.pid:
            return peak_bytes
        held = process.memory_full_info()
        if not held.rss:  # it is being ended, and shares nothing any more
            return 0
        shared = max(self._shared.get(process.pid, 0), held.rss - held.uss)
        self._shared[process.pid] = shared
        return int(max(held.uss, peak_bytes - shared))


def _runs(process: psutil.Process) -> bool:
    """True if it is alive and not a zombie."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
