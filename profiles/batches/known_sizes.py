"""Profiles of a model at several batches, the place of another batch among them, and the curve of
times through them.

A step has a fixed part, a part for each sample, and a part that grows more slowly: matrix products
and loops over threads use a processor better the more rows they have. So a time is modelled as
``fixed + slow x sqrt(batch) + each x batch``, no term negative (Lawson and Hanson, Solving Least
Squares Problems, chapter 23), with the least relative errors; two sizes do not determine the middle
term. The remainder (for example of caches that no longer hold a layer) is interpolated between the
sizes, and beyond them keeps its last value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rmixer.model_profile.model_profile import ModelProfile


class BatchCurve:
    """A curve from the sizes ``batches``, ascending, at least two, to the size ``at``."""

    def __init__(self, batches: Sequence[int], at: int) -> None:
        powers = (0.0, 0.5, 1.0) if len(batches) > 2 else (0.0, 1.0)
        self._terms = np.power.outer(np.asarray(batches, dtype=np.float64), powers)
        self._at_terms = np.power(float(at), powers)
        self._places = np.log(np.asarray(batches, dtype=np.float64))
        self._place = math.log(at)

    def value(self, values: Sequence[float]) -> float:
        """The value at the wanted size, from the measured ``values`` at the sizes, all above 0."""
        from scipy.optimize import nnls  # here: most commands read profiles and fit no curve

        measured = np.asarray(values, dtype=np.float64)
        weights, _ = nnls(self._terms / measured[:, None], np.ones(len(measured)))
        remainders = np.log(measured / (self._terms @ weights))
        remainder = float(np.interp(self._place, self._places, remainders))
        return float(self._at_terms @ weights) * math.exp(remainder)


class TooFewSizesError(ValueError):
    """There are no two other batches to predict one from."""


@dataclass(frozen=True)
class KnownSizes:
    """Profiles by ascending batch. The two from ``first`` on enclose the wanted batch ``at``, or
    are the two nearest."""

    profiles: Sequence[ModelProfile]
    first: int
    at: int
    curve: BatchCurve

    @property
    def low(self) -> ModelProfile:
        """The smaller of the two."""
        return self.profiles[self.first]

    @property
    def high(self) -> ModelProfile:
        """The larger of the two."""
        return self.profiles[self.first + 1]

    @property
    def share(self) -> float:
        """The place of the wanted batch between low (0) and high (1); below 0 or above 1 beyond
        them."""
        first, last = self.low.identity.batch, self.high.identity.batch
        return (self.at - first) / (last - first)

    @property
    def nearest(self) -> int:
        """The index of the profile with the nearest batch by ratio; its order of operators is
        used."""
        first, last = self.low.identity.batch, self.high.identity.batch
        return self.first if self.at * self.at < first * last else self.first + 1

    def time(self, values: Sequence[float]) -> float:
        """The value on the curve of ``values``, one of each profile; on a line if some are 0."""
        if min(values) > 0:
            return self.curve.value(values)
        return self.amount(values[self.first], values[self.first + 1])

    def amount(self, low: float, high: float) -> float:
        """The value on the line from ``low`` to ``high``, never below 0: below the smaller size it
        is at least in proportion to the batch."""
        found = low + (high - low) * self.share
        least = min(low, high) * min(1.0, self.at / self.low.identity.batch)
        return max(found, least) if self.share < 0 else max(0.0, found)


def known_sizes(others: dict[int, ModelProfile], at: int) -> KnownSizes:
    """The two sizes around ``at``, and those others that have all thread counts that both have;
    only of those measured where most were, or where the fewest threads do the work. Raises
    :class:`TooFewSizesError`."""
    counts = Counter(place for profile in others.values() for place in _places(profile))
    usual = min(counts, key=lambda place: (-counts[place], place))
    sizes = sorted(size for size, profile in others.items() if usual in _places(profile))
    if len(sizes) < 2:
        raise TooFewSizesError(f"no two of batches {sorted(others)} are profiled in the same place")
    above = next((i for i, size in enumerate(sizes) if size > at), len(sizes))
    first = min(max(above - 1, 0), len(sizes) - 2)
    low, high = sizes[first], sizes[first + 1]
    wanted = _places(others[low]) & _places(others[high])
    used = [s for s in sizes if s in (low, high) or wanted <= _places(others[s])]
    profiles = [others[size] for size in used]
    return KnownSizes(profiles, used.index(low), at, BatchCurve(used, at))


def _places(profile: ModelProfile) -> set[tuple[str, int]]:
    return {cost.place for cost in profile.steps}
