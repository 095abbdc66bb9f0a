"""Bags: fields with several ids a sample, whose rows are added up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn


class Bags(nn.Module):
    """The division of a table's ids into bags: each sample has ``sizes[f]`` ids of field f, one
    field after another. Fields share no rows: field f has ``rows[f]``."""

    starts: Tensor
    field_of: Tensor

    def __init__(self, sizes: Sequence[int], rows: Sequence[int]) -> None:
        super().__init__()
        self.sizes, self.rows = tuple(sizes), tuple(rows)
        self.places = sum(sizes)
        starts = [0, *accumulate(self.sizes[:-1])]
        fields = [field for field, size in enumerate(sizes) for _ in range(size)]
        self.register_buffer("starts", torch.tensor(starts), persistent=False)
        self.register_buffer("field_of", torch.tensor(fields), persistent=False)

    def pooled(self, table: Tensor, ids: Tensor) -> Tensor:
        """The sum of the rows of each bag, [samples x fields, dim], sample after sample; ``ids``
        is [samples x places]. One operator: the rows themselves are never laid out."""
        firsts = torch.arange(0, len(ids), self.places, device=ids.device)
        offsets = (firsts.unsqueeze(1) + self.starts).flatten()
        return nn.functional.embedding_bag(ids, table, offsets, mode="sum")
