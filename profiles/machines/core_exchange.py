"""How fast a worker's threads take over each other's data: a fixed computation, timed.

The two cores of a virtual machine may lie next to each other in one moment and far apart in the
next, as its host places them. One thread does not notice, nor do threads that share nothing; a step
with several is then a quarter to a half slower, for seconds.
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
"""As many as torch gives a thread at least, so that all of them take part."""
SKIPPED, REPEATS = 5, 50
ROUNDS = 40


class CoreExchange:
    """Two square matrices, each in turn made of the other's transpose: of what a thread reads, the
    other threads wrote all but its own share. Nothing of it is in memory that is not in a cache."""

    def __init__(self) -> None:
        self._threads = torch.get_num_threads()
        side = math.ceil(math.sqrt(ELEMENTS_PER_THREAD * self._threads))
        self._one, self._other = torch.zeros(side, side), torch.zeros(side, side)

    def microseconds(self) -> float:
        """Of one exchange, the mean of fifty there and back; 0 where there is one thread."""
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
    """A worker's task: microseconds of an exchange between as many threads as it has."""
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
