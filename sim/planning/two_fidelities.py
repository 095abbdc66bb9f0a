"""Finds the best of many candidates: a rough figure of each, a precise one of the likely ones."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

LEAST = 8
"""So many are always made precise: what the rough figures miss is learned from them."""
SAFETY = 0.02
"""By how much more than seen so far a rough figure may be too high."""


def settle(
    rough: Mapping[int, float], precise: Callable[[int], float | None], tie: float
) -> dict[int, float]:
    """The precise figures of all candidates that can be best, the smaller the better.

    Candidates come in the order of their ``rough`` figures. The least ratio of precise to rough
    seen so far, less ``SAFETY``, says how good the next can be at best; where that is more than
    ``tie`` above the best precise figure, no later one can be best or equal to it within ``tie``.
    ``precise`` returns None for a candidate that fails.
    """
    found: dict[int, float] = {}
    least_ratio, best = 1.0, float("inf")
    for number, index in enumerate(sorted(rough, key=lambda index: (rough[index], index))):
        if number >= LEAST and rough[index] * (least_ratio - SAFETY) > best * (1 + tie):
            break
        value = precise(index)
        if value is None:
            continue
        found[index] = value
        best = min(best, value)
        if rough[index] > 0:
            least_ratio = min(least_ratio, value / rough[index])
    return found


def correction(rough: Mapping[int, float], found: Mapping[int, float]) -> float:
    """The median ratio of precise to rough figures; 1 if none were found."""
    ratios = [found[index] / rough[index] for index in found if rough[index] > 0]
    return statistics.median(ratios) if ratios else 1.0
