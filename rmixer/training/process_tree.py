"""What a process and all that it started use together: memory and processor time."""

from __future__ import annotations

import contextlib

import psutil

from rmixer.training.memory import high_water_bytes


class ProcessTree:
    """Process ``pid`` and its descendants, those too that have lost their parent meanwhile."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._known = {pid: self._root}
        self._shared: dict[int, int] = {}
        self._cpu_s = 0.0
        self.peak_bytes = 0

    def sample(self) -> float:
        """Look at all of them: takes note of their memory, and returns the core-seconds that they
        have used so far.

        ``peak_bytes`` is the highest sum over those alive at one sample: the first process's own
        high-water mark, and that of each other less the most that it was seen to share (pages that
        a fork or a loader has in common with others are in the first one's already), or, where
        that is more, what it holds alone at the sample.
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
        """Whether one other than the first process is alive."""
        self._find_new()
        return any(_runs(process) for process in self._alive() if process.pid != self._root.pid)

    def kill(self) -> None:
        """End all that are still alive, but for the first one, which its parent waits for."""
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
        """Those that are not gone; a process that merely has an earlier one's number is none
        of them."""
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
    """Whether it is alive and not merely waiting to be noticed by its parent."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
