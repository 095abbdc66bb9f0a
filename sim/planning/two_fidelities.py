"""Finds the best of many candidates: a rough figure of each, a precise one of the likely ones."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

LEAST = 8
"""At least this many get precise figures, to learn the error of the rough ones."""
SAFETY = 0.02
"""The largest further error of a rough figure beyond those seen so far."""


def settle(
    rough: Mapping[int, float], precise: Callable[[int], float | None], tie: float
) -> dict[int, float]:
    """The precise figures of all candidates that can be best (smaller is better).

    Candidates come in the order of their ``rough`` figures. The least ratio of precise to rough
    seen so far, less ``SAFETY``, bounds the next one from below. If that is more than ``tie`` above
    the best precise figure, no later candidate can be best or equal to it within ``tie``.
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
