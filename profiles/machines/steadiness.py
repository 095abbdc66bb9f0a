"""Which rounds of blocks a machine that stalled, slowed down or changed did not spoil."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PROBE_QUANTILE, PROBE_FACTOR = 0.05, 1.25


@dataclass(frozen=True)
class SteadyRounds:
    """Which rounds count. ``kept`` are those in which the machine was as fast as it can be, by
    a probe in each: not slower than 1.25 x the 5th percentile of all probes."""

    kept: tuple[int, ...]
    dropped: int


def steady_rounds(probes_s: Sequence[float]) -> SteadyRounds:
    """The rounds that a stalled or throttled machine did not spoil."""
    if not probes_s:
        return SteadyRounds((), 0)
    limit = PROBE_FACTOR * float(np.quantile(probes_s, PROBE_QUANTILE))
    kept = tuple(index for index, probe in enumerate(probes_s) if probe <= limit)
    return SteadyRounds(kept, len(probes_s) - len(kept))


def unchanged_rounds(means: Sequence[tuple[float, float, float]]) -> tuple[int, ...]:
    """The rounds of three blocks in which the machine was the same all the while, by their mean
    steps: the middle one, which has the profiler, in units of what that usually takes (its ratio to
    the mean of the others, the median over rounds), the three are at most 1.25 x apart."""
    usual = float(np.median([2 * middle / (first + last) for first, middle, last in means] or [1]))
    return tuple(
        index
        for index, (first, middle, last) in enumerate(means)
        if max(first, middle / usual, last) <= PROBE_FACTOR * min(first, middle / usual, last)
    )
