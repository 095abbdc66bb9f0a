"""One optimizer step from the gradients of bags.

Every row of a bag has the bag's gradient, so it is laid out for no position. Group by group of
fields, ids are sorted, which puts those that differ at the front and those that repeat side by
side; one fused operator then adds up the gradients of the bags in which each id stands. How many
ids differ is unknown on the host: arrays keep their largest size, and what is left over at the
end is empty bags, whose gradient is zero. Rows are updated in chunks that stay in a cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rmixer.models.bags import Bags
from rmixer.training.row_optimizers import RowOptimizer

GROUP_PLACES = 1 << 15
CHUNK_BYTES = 1 << 20


@torch.no_grad()
def step_bags(optimizer: RowOptimizer, bags: Bags, ids: Tensor, gradient: Tensor) -> None:
    """One step of ``optimizer`` from the gradient [samples x fields, dim] of ``bags`` of the rows
    ``ids`` [samples x places]: as its ``step`` from the gradient of each position."""
    fields = len(bags.sizes)
    samples = len(gradient) // fields
    first_bag = torch.arange(0, len(gradient), fields, device=ids.device).unsqueeze(1)
    bag_of = first_bag + bags.field_of
    if not optimizer.idle_at_zero:
        optimizer.step(ids, gradient.index_select(0, bag_of.flatten()))
        return
    shaped = ids.view(samples, bags.places)
    for places, most in _groups(bags, samples):
        group = shaped[:, places].flatten()
        _step_group(optimizer, group, bag_of[:, places].flatten(), gradient, most)


def _groups(bags: Bags, samples: int) -> Iterator[tuple[slice, int]]:
    """Places of fields that together have enough ids to be worth a sort, and how many of their
    ids can differ at most."""
    start = end = most = 0
    for size, rows in zip(bags.sizes, bags.rows, strict=True):
        end += size
        most += min(size * samples, rows)
        if samples * (end - start) >= GROUP_PLACES or end == bags.places:
            yield slice(start, end), most
            start, most = end, 0


def _step_group(
    optimizer: RowOptimizer, ids: Tensor, bag_of: Tensor, gradient: Tensor, most: int
) -> None:
    count = len(ids)
    position = torch.arange(count, device=ids.device)
    ids, order = torch.sort(ids.int(), stable=True)
    is_first = torch.ones(count, dtype=torch.bool, device=ids.device)
    torch.ne(ids[1:], ids[:-1], out=is_first[1:])
    number = is_first.cumsum(0) - 1
    # Of each id that differs its place among them; the rest go to one place more, cut off below.
    place = torch.where(is_first, number, count)
    offsets = position.new_full((count + 1,), count).scatter_(0, place, position)[:most]
    different = position.new_zeros(count + 1).scatter_(0, place, ids.long())[:most]
    bags = bag_of.index_select(0, order)
    sums = torch.nn.functional.embedding_bag(bags, gradient, offsets, mode="sum")
    last = number[-1]
    chunk = max(1, CHUNK_BYTES // (4 * gradient.shape[1]))
    for start in range(0, most, chunk):
        # The last id fills up its chunk; a chunk beyond it repeats its first, an empty bag.
        chosen = position[start : min(start + chunk, most)].clamp(max=last.clamp(min=start))
        optimizer.update(different.index_select(0, chosen), sums.index_select(0, chosen))
