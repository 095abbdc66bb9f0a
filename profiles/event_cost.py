"""What one of its events costs PyTorch's profiler: a loop of small layers with and without it.

It never looks at the step that is to be corrected.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from profiles.step_clock import Clock
from profiles.trace_events import CATEGORIES, DEVICE_WORK, category_of

SKIPPED, PASSES = 5, 30
LAYERS, DEEP, COPIED = 1000, 8, 128 * 1024
ON_HOST = CATEGORIES - set(DEVICE_WORK)


class EventCost:
    """Small layers on ``device``, eight in a row that take turns, forward and backward, timed by
    the host: so many events in so little time that their cost is a third of it. Before each pass
    512 KB are copied from a tensor of 64 MB, as look-ups do."""

    def __init__(self, device: torch.device, clock: Clock) -> None:
        self._pass, self._clock = _small_layers(device), clock
        self._activities = [ProfilerActivity.CPU]
        self._activities += [ProfilerActivity.CUDA] if device.type == "cuda" else []

    def event_us(self) -> float:
        """Microseconds of one event on the host: (median pass with the profiler - mean of the
        medians without, before and after) / events of a pass. Each time the first passes, which
        bring the caches back, are left out; noise may make it negative."""
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


def _small_layers(device: torch.device) -> Callable[[], None]:
    """A pass: a copy, and layers of 16 x 16 forward and backward."""
    layers = itertools.cycle([nn.Linear(16, 16, device=device) for _ in range(LAYERS)])
    chunks = itertools.cycle(torch.ones(128, COPIED, device=device))
    samples, copied = torch.ones(8, 16, device=device), torch.empty(COPIED, device=device)

    def one_pass() -> None:
        copied.copy_(next(chunks))
        taken = [next(layers) for _ in range(DEEP)]
        values = samples
        for layer in taken:
            values = layer(values).relu()
        values.sum().backward()
        for layer in taken:
            layer.zero_grad()

    return one_pass
