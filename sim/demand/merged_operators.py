"""Merges neighbouring operators by max-plus algebra and computes what detail that loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
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
        launch, tail = self.launch, self.tail
        if other.device > 0:
            its_launch = self.host + other.launch
            if self.device <= 0:
                launch, tail = its_launch, other.tail
            elif self.launch + self.tail + other.device >= its_launch + other.tail:
                tail = self.tail + other.device
            else:
                launch, tail = its_launch, other.tail
        return Piece(
            lane=other.lane if self.lane == "cpu" else self.lane,
            host=self.host + other.host,
            heavy=self.heavy + other.heavy,
            device=self.device + other.device,
            lead=self.host + other.lead if self.device <= 0 < other.device else self.lead,
            launch=launch,
            tail=tail,
            moment=self.moment + other.moment + self.host * other.device,
            waits=other.waits,
        )

    def joins(self, other: Piece) -> bool:
        """True if the two may become one segment: they are on one lane, or one is the host's."""
        same = self.lane == other.lane or "cpu" in (self.lane, other.lane)
        return same and not self.waits

    def loss(self, other: Piece) -> float:
        """The detail lost by merging: the spread of memory weights (Ward's criterion) and, if the
        device takes part, how the two clocks interleave."""
        own, its = self.host or 1e-12, other.host or 1e-12
        spread = (self.heavy / own - other.heavy / its) ** 2 * own * its / (own + its)
        if self.device > 0 and other.device > 0:
            left, right = self.host + self.device, other.host + other.device
            spread += left * right / (left + right)
        return spread


def coalesce(pieces: Sequence[Piece], limit: int | None) -> list[Piece]:
    """Merge neighbours, the smallest loss first, of equal ones the first, down to ``limit`` where
    lanes allow it. To merge on from what is left gives what merging at once would."""
    if limit is None or len(pieces) <= limit:
        return list(pieces)
    # Pieces stay at the place of their first, None where one has become part of another.
    left: list[Piece | None] = list(pieces)
    before, after = list(range(-1, len(left) - 1)), list(range(1, len(left) + 1))
    losses = [*(_loss(one, other) for one, other in pairwise(pieces)), inf]
    queue = [(loss, at) for at, loss in enumerate(losses) if loss < inf]
    heapify(queue)

    def look(at: int) -> None:
        """The loss of the piece at ``at`` and its next may be another."""
        one, other = left[at], left[after[at]]
        assert one is not None
        assert other is not None
        losses[at] = _loss(one, other)
        if losses[at] < inf:
            heappush(queue, (losses[at], at))

    count = len(left)
    while count > limit and queue:
        loss, at = heappop(queue)
        one = left[at]
        if one is None or loss != losses[at]:
            continue
        gone = after[at]
        other = left[gone]
        assert other is not None
        left[at], left[gone] = one.then(other), None
        count -= 1
        after[at] = after[gone]
        losses[at] = losses[gone] = inf
        if before[at] >= 0:
            look(before[at])
        if after[at] < len(left):
            before[after[at]] = at
            look(at)
    return [piece for piece in left if piece is not None]


def _loss(left: Piece, right: Piece) -> float:
    return left.loss(right) if left.joins(right) else inf
