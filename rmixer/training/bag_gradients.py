"""One optimizer step from the gradients of bags.

Every row of a bag has the bag's gradient. So gradients are not copied to each position: those of
the bags with an id are summed in place.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rmixer.models.bags import Bags
from rmixer.training.row_groups import group_rows
from rmixer.training.row_optimizer import RowOptimizer

GROUP_PLACES = 1 << 15


@torch.no_grad()
def step_bags(optimizer: RowOptimizer, bags: Bags, ids: Tensor, gradient: Tensor) -> None:
    """Does one step of ``optimizer`` from the gradient [samples x fields, dim] of ``bags`` of the
    rows ``ids`` [samples x places], equal to its ``step`` from the gradient of each position."""
    fields = len(bags.sizes)
    samples = len(gradient) // fields
    first_bag = torch.arange(0, len(gradient), fields, device=ids.device).unsqueeze(1)
    bag_of = first_bag + bags.field_of
    shaped = ids.view(samples, bags.places)
    optimizer.begin_step()
    for places, most in _parts(bags, samples):
        groups = group_rows(shaped[:, places].flatten(), most)
        optimizer.update(groups, groups.sums(gradient, bag_of[:, places].flatten()))


def _parts(bags: Bags, samples: int) -> Iterator[tuple[slice, int]]:
    """Yields places of fields that together have enough ids to sort, and the most ids among them
    that can differ."""
    start = end = most = 0
    for size, rows in zip(bags.sizes, bags.rows, strict=True):
        end += size
        most += min(size * samples, rows)
        if samples * (end - start) >= GROUP_PLACES or end == bags.places:
            yield slice(start, end), most
            start, most = end, 0
