"""Neighbouring operators as one, by max-plus algebra: what coalescing keeps and what it loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf


@dataclass(frozen=True)
class Piece:
    """Neighbouring operators as a max-plus map of the two clocks: the host's advances by
    ``host``; the device's becomes max(device's + ``device``, host's at entry + ``launch`` +
    ``tail``), where the operator launched at ``launch`` begins the longest path. ``lead`` is the
    first launch, ``moment`` the sum of work times its launch, ``heavy`` that of host time times
    memory weight."""

    lane: str
    host: float
    heavy: float
    device: float = 0.0
    lead: float = 0.0
    launch: float = 0.0
    tail: float = 0.0
    moment: float = 0.0
    waits: bool = False

    def then(self, other: Piece) -> Piece:
        """This piece and the next as one."""
        merged = replace(
            self,
            lane=other.lane if self.lane == "cpu" else self.lane,
            host=self.host + other.host,
            heavy=self.heavy + other.heavy,
            device=self.device + other.device,
            moment=self.moment + other.moment + self.host * other.device,
            waits=other.waits,
        )
        if other.device <= 0:
            return merged
        launch = self.host + other.launch
        if self.device <= 0:
            return replace(merged, lead=self.host + other.lead, launch=launch, tail=other.tail)
        if self.launch + self.tail + other.device >= launch + other.tail:
            return replace(merged, tail=self.tail + other.device)
        return replace(merged, launch=launch, tail=other.tail)

    def joins(self, other: Piece) -> bool:
        """Whether the two may become one segment: one lane, besides the host's launching."""
        same = self.lane == other.lane or "cpu" in (self.lane, other.lane)
        return same and not self.waits

    def loss(self, other: Piece) -> float:
        """What merging loses: the spread of memory weights (Ward's criterion) and, where the
        device takes part, the detail of how the two clocks interleave."""
        own, its = self.host or 1e-12, other.host or 1e-12
        spread = (self.heavy / own - other.heavy / its) ** 2 * own * its / (own + its)
        if self.device > 0 and other.device > 0:
            left, right = self.host + self.device, other.host + other.device
            spread += left * right / (left + right)
        return spread


def coalesce(pieces: Sequence[Piece], limit: int | None) -> list[Piece]:
    """Merge neighbours, the smallest loss first, down to ``limit`` where lanes allow it."""
    merged = list(pieces)
    if limit is None:
        return merged
    losses = [_loss(left, right) for left, right in pairwise(merged)]
    while len(merged) > limit:
        smallest = min(losses)
        if smallest == inf:
            break
        at = losses.index(smallest)
        merged[at : at + 2] = [merged[at].then(merged[at + 1])]
        del losses[at]
        if at > 0:
            losses[at - 1] = _loss(merged[at - 1], merged[at])
        if at < len(losses):
            losses[at] = _loss(merged[at], merged[at + 1])
    return merged


def _loss(left: Piece, right: Piece) -> float:
    return left.loss(right) if left.joins(right) else inf
