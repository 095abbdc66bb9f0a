"""Neural collaborative filtering, its NeuMF (arXiv 1708.05031)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel
from rmixer.models.layers import mlp, relu

INITIAL_STD = 0.05


class NCF(RecommendationModel):
    """logit = h · [p_u * q_i, MLP([p'_u, q'_i])]: users and items have a vector each for the
    product (matrix factorization) and another for the MLP, whose last layer is activated too.

    Batches have ``ids`` [B, 2], the user and the item.
    """

    inputs: ClassVar = ("ids", "label")

    first_rows: Tensor

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dim, both = config["dim"], (config["users"], config["items"])
        first = self.add_table("shared", (*both, *both), dim, INITIAL_STD)
        self.register_buffer("first_rows", torch.tensor(first), persistent=False)
        self.mlp = mlp(2 * dim, config["mlp"], relu, activate_last=True)
        self.head = nn.Linear(dim + config["mlp"][-1], 1)
        nn.init.xavier_normal_(self.head.weight)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"shared": (batch["ids"].repeat(1, 2) + self.first_rows).flatten()}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        vectors = rows["shared"].view(len(batch["ids"]), 4, -1)
        product = vectors[:, 0] * vectors[:, 1]
        deep = self.mlp(vectors[:, 2:].flatten(1))
        logits: Tensor = self.head(torch.cat([product, deep], dim=1))
        return logits.squeeze(1)
