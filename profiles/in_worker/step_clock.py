"""Clocks for the ends of steps on each kind of device."""

from __future__ import annotations

import time
from itertools import pairwise

import torch


class HostClock:
    """The host's clock: a step has ended when its call has returned."""

    def __init__(self) -> None:
        self._ends: list[float] = []

    def tick(self) -> float:
        """Records the end of a step (the first time, the start of one); returns the host's time in
        seconds."""
        now_s = time.perf_counter()
        self._ends.append(now_s)
        return now_s

    def settle(self) -> None:
        """Waits for the work that was begun."""

    def durations_s(self) -> list[float]:
        """Seconds between the ticks since the last call."""
        ends, self._ends = self._ends, []
        return [later - earlier for earlier, later in pairwise(ends)]


class GpuClock:
    """A GPU's clock: the host only launches a step and does not wait for its end, but leaves an
    event in the stream after it (CUDA C++ Programming Guide, "Events"). The events are read, and
    the host waits, when the durations are asked for."""

    def __init__(self) -> None:
        self._ends: list[torch.cuda.Event] = []

    def tick(self) -> float:
        """The same as :meth:`HostClock.tick`, in the stream."""
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._ends.append(event)
        return time.perf_counter()

    def settle(self) -> None:
        """Waits for the work that was launched."""
        torch.cuda.synchronize()

    def durations_s(self) -> list[float]:
        """The same as :meth:`HostClock.durations_s`; their sum is the time of the block by the
        GPU."""
        self.settle()
        ends, self._ends = self._ends, []
        return [earlier.elapsed_time(later) * 1e-3 for earlier, later in pairwise(ends)]


Clock = HostClock | GpuClock


def clock_of(device: torch.device) -> Clock:
    """The clock of ``device``."""
    return GpuClock() if device.type == "cuda" else HostClock()
