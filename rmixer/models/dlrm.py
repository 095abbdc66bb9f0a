"""DLRM: dense features and embeddings that meet in dot products (arXiv 1906.00091)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from rmixer.models.base import RecommendationModel
from rmixer.models.layers import PairwiseDots, mlp, relu

INITIAL_STD = 0.1


class DLRM(RecommendationModel):
    """z0 = bottom MLP of the dense features; z1.. = embeddings; the logit is the top MLP of z0
    and of the dot products of all pairs of z0, z1, ...

    All fields share one hashed table. Batches have ``dense`` [B, dense] and ``ids`` [B, fields].
    """

    inputs: ClassVar = ("dense", "ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dim, vectors = config["embedding_dim"], config["fields"] + 1
        if config["bottom_mlp"][-1] != dim:
            raise ValueError("the bottom MLP must end in the embedding dimension")
        self.add_table("shared", config["rows"], dim, INITIAL_STD)
        self.bottom = mlp(config["dense"], config["bottom_mlp"], relu, activate_last=True)
        self.dots = PairwiseDots(vectors)
        self.top = mlp(dim + vectors * (vectors - 1) // 2, config["top_mlp"], relu)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"shared": batch["ids"].flatten()}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = self.bottom(batch["dense"])
        embedded = rows["shared"].view(len(dense), -1, dense.shape[1])
        dots = self.dots(torch.cat([dense.unsqueeze(1), embedded], dim=1))
        logits: Tensor = self.top(torch.cat([dense, dots], dim=1))
        return logits.squeeze(1)
