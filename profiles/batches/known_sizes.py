"""Profiles of a model at several batches, and where between or beyond them another batch lies."""

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
    """Profiles by ascending batch, of which those from ``first`` on lie on either side of the
    wanted batch ``at``, or are the two nearest."""

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
        """How far from low to high the wanted batch lies; below 0 or above 1 beyond them."""
        first, last = self.low.identity.batch, self.high.identity.batch
        return (self.at - first) / (last - first)

    @property
    def nearest(self) -> int:
        """The place of the profile whose batch is nearest by ratio: its order of operators is
        taken."""
        first, last = self.low.identity.batch, self.high.identity.batch
        return self.first if self.at * self.at < first * last else self.first + 1

    def time(self, values: Sequence[float]) -> float:
        """On the curve of ``values``, one of each profile; there is none where some are 0."""
        if min(values) > 0:
            return self.curve.value(values)
        return self.amount(values[self.first], values[self.first + 1])

    def amount(self, low: float, high: float) -> float:
        """On the line from ``low`` to ``high``, and never below nothing: what the line would
        have below a part of the smaller size is in proportion to the batch."""
        found = low + (high - low) * self.share
        least = min(low, high) * min(1.0, self.at / self.low.identity.batch)
        return max(found, least) if self.share < 0 else max(0.0, found)


def known_sizes(others: dict[int, ModelProfile], at: int) -> KnownSizes:
    """Of the two around ``at``, and of those others that have all thread counts that both have;
    only of those that were measured where most were, or where the fewest threads do the work.
    Raises :class:`TooFewSizesError`."""
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
