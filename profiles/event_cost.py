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
from profiles.trace_events import CATEGORIES, DEVICE_WORK

SKIPPED, PASSES = 20, 120
LAYERS, COPIED = 1000, 128 * 1024
ON_HOST = CATEGORIES - set(DEVICE_WORK)


class EventCost:
    """Small layers on ``device`` that take turns, forward and backward, timed by the host: so many
    events in so little time that their cost is a third of it. Before each, 512 KB are copied from
    a tensor of 64 MB, as look-ups do: where a loop stays inside the caches an event costs about
    half as much as in a real step."""

    def __init__(self, device: torch.device, clock: Clock) -> None:
        self._pass, self._clock = _small_layers(device), clock
        self._activities = [ProfilerActivity.CPU]
        self._activities += [ProfilerActivity.CUDA] if device.type == "cuda" else []

    def event_us(self) -> float:
        """Microseconds of one event on the host: (median pass with the profiler - median pass
        without) / events of a pass. Of either the first, which bring the caches back, are left
        out; noise may make it negative."""
        self._durations_s(SKIPPED)
        without_s = self._durations_s(PASSES)
        with profile(activities=self._activities) as observed:
            self._durations_s(SKIPPED)
            with_s = self._durations_s(PASSES)
        found = observed.profiler.kineto_results.events()
        on_host = sum(1 for event in found if event.activity_type() in ON_HOST)
        events = on_host / (SKIPPED + PASSES)
        return float(np.median(with_s) - np.median(without_s)) / events * 1e6

    def _durations_s(self, passes: int) -> list[float]:
        durations = []
        for _ in range(passes):
            start_s = time.perf_counter()
            self._pass()
            durations.append(time.perf_counter() - start_s)
        self._clock.settle()
        return durations


def _small_layers(device: torch.device) -> Callable[[], None]:
    """A pass: a copy, and one layer of 16 x 16 forward and backward."""
    layers = itertools.cycle([nn.Linear(16, 16, device=device) for _ in range(LAYERS)])
    chunks = itertools.cycle(torch.ones(128, COPIED, device=device))
    samples, copied = torch.ones(8, 16, device=device), torch.empty(COPIED, device=device)

    def one_pass() -> None:
        copied.copy_(next(chunks))
        layer = next(layers)
        layer(samples).relu().sum().backward()
        layer.zero_grad()

    return one_pass
