"""How precisely blocks of steps tell a mean, and how many more it would take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

PROBE_QUANTILE, PROBE_FACTOR = 0.05, 1.25


def half_width(means: Sequence[float]) -> float:
    """Half the 95% confidence interval of the mean of ``means`` (one of each block, Student's t),
    as a fraction of it; infinite for fewer than two."""
    count = len(means)
    if count < 2:
        return math.inf
    spread = float(np.std(means, ddof=1))
    quantile = float(stats.t.ppf(0.975, count - 1))
    return quantile * spread / math.sqrt(count) / float(np.mean(means))


def blocks_needed(means: Sequence[float], wanted: float) -> int:
    """How many blocks as unlike each other as ``means`` make :func:`half_width` at most
    ``wanted``; at least two."""
    spread = float(np.std(means, ddof=1)) / float(np.mean(means))
    count = 2
    while float(stats.t.ppf(0.975, count - 1)) * spread / math.sqrt(count) > wanted:
        count += max(1, count // 16)
    return count


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
