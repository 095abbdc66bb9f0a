"""Groups positions of a batch that name the same row of a table, by a sort of static shape.

The host does not know how many ids differ and does not ask: arrays keep their largest size, and the
rest at the end is empty groups, whose sum is zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag


@dataclass(frozen=True)
class RowGroups:
    """Positions [n] grouped by id. ``ids`` [most] are the different ones, in order, then the first
    of them again; ``members`` [n] are the positions group after group, and ``starts`` [most] the
    start of each group in them. ``last`` (no dimension) is the place of the last different id."""

    ids: Tensor
    members: Tensor
    starts: Tensor
    last: Tensor

    def sums(self, values: Tensor, row_of: Tensor | None = None) -> Tensor:
        """For each group the sum of its ``values`` [n, dim], one operator: [most, dim].

        With ``row_of`` [n] a position's value is ``values[row_of[position]]``, so that shared
        values need no copies.
        """
        rows = self.members if row_of is None else row_of.index_select(0, self.members)
        return embedding_bag(rows, values, self.starts, mode="sum")


def group_rows(ids: Tensor, most: int | None = None) -> RowGroups:
    """``ids`` (int64, [n]) grouped; at most ``most`` of them differ (n by default)."""
    count = len(ids)
    most = min(count, most or count)
    position = torch.arange(count, device=ids.device)
    ordered, members = torch.sort(ids.int(), stable=True)
    is_first = torch.ones(count, dtype=torch.bool, device=ids.device)
    torch.ne(ordered[1:], ordered[:-1], out=is_first[1:])
    number = is_first.cumsum(0) - 1
    # Of each id that differs its place among them; the rest go to one place more, cut off below.
    place = torch.where(is_first, number, count)
    starts = position.new_full((count + 1,), count).scatter_(0, place, position)
    different = ids[:1].repeat(count + 1).scatter_(0, place, ordered.long())
    return RowGroups(different[:most], members, starts[:most], number[-1])
