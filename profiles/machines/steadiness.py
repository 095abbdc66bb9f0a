"""Selects rounds of blocks that the machine did not disturb by a stall, a slow-down or a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PROBE_QUANTILE, PROBE_FACTOR = 0.05, 1.25


@dataclass(frozen=True)
class SteadyRounds:
    """The rounds that count. ``kept`` are those in which the machine was fast, by a probe in each:
    at most 1.25 x the 5th percentile of all probes."""

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
    """The rounds of three blocks in which the machine did not change, by their mean steps. The
    middle block has the profiler and is divided by its usual ratio to the mean of the others (the
    median over rounds). The three then differ by at most 1.25 x."""
    usual = float(np.median([2 * middle / (first + last) for first, middle, last in means] or [1]))
    return tuple(
        index
        for index, (first, middle, last) in enumerate(means)
        if max(first, middle / usual, last) <= PROBE_FACTOR * min(first, middle / usual, last)
    )
