"""Profiles of a model at several batches, and the place of another batch among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from profiles.batches.batch_curve import BatchCurve
from rmixer.model_profile.model_profile import ModelProfile


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
    return {(cost.device, cost.threads) for cost in profile.steps}
