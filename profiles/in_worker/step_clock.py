"""Clocks for the ends of steps on each kind of device, and the cost of one event of PyTorch's
profiler by them: of a loop of small layers with and without it, not of the step that will be
corrected."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from profiles.traces.trace_events import CATEGORIES, DEVICE_WORK, category_of


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


SKIPPED, PASSES = 3, 25
LAYERS, DEEP, ROWS, WIDTH = 200, 8, 1024, 32
ON_HOST = CATEGORIES - set(DEVICE_WORK)


class EventCost:
    """Layers on ``device``, eight in a row that take turns, forward and backward, timed by the
    host. Their tensors have 128 KB: after an operator on much data an event costs half as much
    again as in a loop whose data stay in the nearest cache, and steps have operators of both kinds.
    """

    def __init__(self, device: torch.device, clock: Clock) -> None:
        self._pass, self._clock = _layers(device), clock
        self._activities = [ProfilerActivity.CPU]
        self._activities += [ProfilerActivity.CUDA] if device.type == "cuda" else []

    def event_us(self) -> float:
        """Microseconds of one event on the host: (median pass with the profiler - mean of the
        medians without, before and after) / events of a pass. The first passes each time, which
        refill the caches, are left out; noise may make it negative."""
        before_s = self._median_s()
        with profile(activities=self._activities) as observed:
            with_s = self._median_s()
        without_s = (before_s + self._median_s()) / 2
        found = observed.profiler.kineto_results.events()
        on_host = sum(1 for event in found if category_of(event) in ON_HOST)
        events = on_host / (SKIPPED + PASSES)
        return (with_s - without_s) / events * 1e6

    def _median_s(self) -> float:
        durations = []
        for _ in range(SKIPPED + PASSES):
            start_s = time.perf_counter()
            self._pass()
            durations.append(time.perf_counter() - start_s)
        self._clock.settle()
        return float(np.median(durations[SKIPPED:]))


def _layers(device: torch.device) -> Callable[[], None]:
    """A pass: layers of 32 x 32 on 1024 samples, forward and backward."""
    layers = itertools.cycle([nn.Linear(WIDTH, WIDTH, device=device) for _ in range(LAYERS)])
    samples = torch.ones(ROWS, WIDTH, device=device)

    def one_pass() -> None:
        taken = [next(layers) for _ in range(DEEP)]
        values = samples
        for layer in taken:
            values = layer(values).relu()
        values.sum().backward()
        for layer in taken:
            layer.zero_grad()

    return one_pass
