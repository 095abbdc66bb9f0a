"""The categorical fields of a model in its one table ``shared``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import torch
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel


class FieldTable(nn.Module):
    """Adds the table ``shared`` to ``model``, and knows the first row of each field in it.

    From ``config`` it reads ``embedding_dim``; ``rows``, the length of one hashed table for all
    ``fields``, or a length for each field; and ``bag_sizes``, if fields have several ids a sample.
    Rows are normal with deviation ``std``, divided by the root of the mean bag's size.
    """

    first_rows: Tensor

    def __init__(self, model: RecommendationModel, config: Mapping[str, Any], std: float) -> None:
        super().__init__()
        rows: int | Sequence[int] = config["rows"]
        self.count: int = config["fields"] if isinstance(rows, int) else len(rows)
        sizes: Sequence[int] | None = config.get("bag_sizes")
        if sizes is not None:
            std *= (len(sizes) / sum(sizes)) ** 0.5
        first = model.add_table("shared", rows, config["embedding_dim"], std, sizes)
        places = [
            row
            for row, size in zip(first, sizes or repeat(1), strict=sizes is not None)
            for _ in range(size)
        ]
        self.hashed = isinstance(rows, int)
        self.register_buffer("first_rows", torch.tensor(places), persistent=False)

    def table_rows(self, ids: Tensor) -> Tensor:
        """Rows of ``shared`` [n] for ``ids`` [B, places] that count from 0 in each field."""
        return (ids if self.hashed else ids + self.first_rows).flatten()
