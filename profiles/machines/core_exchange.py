"""Measures how fast a worker's threads take over each other's data, by a fixed computation.

The host of a virtual machine may place its cores near each other in one moment and far from each
other in the next. One thread does not notice, nor do threads that share nothing; a step with
several is then a quarter to a half slower, for seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import torch

from profiles.machines.bubble import PROBE_QUANTILE
from rmixer.training.worker import Channel

ELEMENTS_PER_THREAD = 1 << 15
"""Torch gives a thread at least this many, so all threads take part."""
SKIPPED, REPEATS = 5, 50
ROUNDS = 40


class CoreExchange:
    """Two square matrices, each in turn made of the other's transpose: other threads wrote all but
    a thread's share of the data that it reads. All of it fits into caches."""

    def __init__(self) -> None:
        self._threads = torch.get_num_threads()
        side = math.ceil(math.sqrt(ELEMENTS_PER_THREAD * self._threads))
        self._one, self._other = torch.zeros(side, side), torch.zeros(side, side)

    def microseconds(self) -> float:
        """Microseconds of one exchange, the mean of fifty in both directions; 0 with one thread."""
        if self._threads == 1:
            return 0.0
        for _ in range(SKIPPED):
            self._there_and_back()
        start_s = time.perf_counter()
        for _ in range(REPEATS):
            self._there_and_back()
        return (time.perf_counter() - start_s) / (2 * REPEATS) * 1e6

    def _there_and_back(self) -> None:
        torch.add(self._one.t(), 1.0, out=self._other)
        torch.add(self._other.t(), 1.0, out=self._one)


def exchange(channel: Channel) -> float:
    """A worker's task: microseconds of an exchange between its threads."""
    return CoreExchange().microseconds()


def fastest_exchanges(channel: Channel, counts: Sequence[int]) -> dict[int, float]:
    """A worker's task: microseconds of an exchange by count of threads, the 5th percentile of
    many, in turn."""
    found: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(ROUNDS):
        for count in counts:
            torch.set_num_threads(count)
            found[count].append(CoreExchange().microseconds())
    return {count: float(np.quantile(each, PROBE_QUANTILE)) for count, each in found.items()}
