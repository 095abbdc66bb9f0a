"""What one of its events costs PyTorch's profiler: a small recommender's steps with and without it.

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

SKIPPED, STEPS = 10, 20
ON_HOST = CATEGORIES - set(DEVICE_WORK)


class EventCost:
    """Steps of a small recommender on ``device``, timed by the host. Its tables and layers are
    larger than the caches, for where a loop stays inside them an event costs half as much as in a
    real step."""

    def __init__(self, device: torch.device, clock: Clock) -> None:
        self._step, self._clock = _small_recommender(device), clock
        self._activities = [ProfilerActivity.CPU]
        self._activities += [ProfilerActivity.CUDA] if device.type == "cuda" else []

    def event_us(self) -> float:
        """Microseconds of one event on the host: (median step with the profiler - median step
        without) / events of a step. Of either the first steps, which bring the caches back, are
        left out; noise may make it negative."""
        self._durations_s(SKIPPED)
        without_s = self._durations_s(STEPS)
        with profile(activities=self._activities) as observed:
            self._durations_s(SKIPPED)
            with_s = self._durations_s(STEPS)
        found = observed.profiler.kineto_results.events()
        on_host = sum(1 for event in found if event.activity_type() in ON_HOST)
        events = on_host / (SKIPPED + STEPS)
        return float(np.median(with_s) - np.median(without_s)) / events * 1e6

    def _durations_s(self, steps: int) -> list[float]:
        durations = []
        for _ in range(steps):
            start_s = time.perf_counter()
            self._step()
            durations.append(time.perf_counter() - start_s)
        self._clock.settle()
        return durations


def _small_recommender(device: torch.device) -> Callable[[], None]:
    """A step of 26 look-ups a sample in a table of 64 MB and three layers on them."""
    table = torch.ones(1_000_000, 16, device=device)
    ids = [torch.randint(len(table), (256 * 26,), device=device) for _ in range(16)]
    layers = (nn.Linear(416, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    network = nn.Sequential(*layers).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0, fused=True)
    batches = itertools.cycle(ids)

    def step() -> None:
        rows = table.index_select(0, next(batches)).requires_grad_()
        optimizer.zero_grad()
        network(rows.view(256, 416)).sum().backward()
        optimizer.step()

    return step
