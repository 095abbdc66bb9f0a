"""Statistics of step times, with stalls separated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STALL_FACTOR = 10.0


@dataclass(frozen=True)
class StepStatistics:
    """Statistics of ``n`` steps. A stall is a step longer than 10 x the median: ``mean_s`` leaves
    stalls out, ``stall_s`` is their total time above that mean."""

    n: int
    mean_s: float
    p10_s: float
    p50_s: float
    p90_s: float
    stalls: int
    stall_s: float

    @property
    def total_s(self) -> float:
        """The sum of all steps."""
        return self.n * self.mean_s + self.stall_s


def stall_limit_s(durations_s: Sequence[float] | NDArray[np.float64]) -> float:
    """A step longer than this is a stall: 10 x the median."""
    return STALL_FACTOR * float(np.median(np.asarray(durations_s, dtype=np.float64)))


def step_statistics(durations_s: Sequence[float] | NDArray[np.float64]) -> StepStatistics:
    """The statistics of at least one step time in seconds."""
    times = np.asarray(durations_s, dtype=np.float64)
    if times.size == 0:
        raise ValueError("no steps to summarise")
    p10, p50, p90 = np.quantile(times, (0.1, 0.5, 0.9))
    stalled = times > stall_limit_s(times)
    mean = float(times[~stalled].mean())
    return StepStatistics(
        n=int(times.size),
        mean_s=mean,
        p10_s=float(p10),
        p50_s=float(p50),
        p90_s=float(p90),
        stalls=int(stalled.sum()),
        stall_s=float((times[stalled] - mean).sum()),
    )
