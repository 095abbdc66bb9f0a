"""DeepFM: a factorization machine and an MLP on the same embeddings (arXiv 1703.04247)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel
from rmixer.models.layers import SecondOrder, mlp, relu

INITIAL_STD = 0.05


class DeepFM(RecommendationModel):
    """logit = w0 + Σ w_i x_i + Σ_{i<j} <v_i, v_j> x_i x_j + MLP([v_1 x_1, ...]).

    A categorical field has x = 1 and its rows of two hashed tables that all fields share; a dense
    feature has its value and a learned weight and vector. Batches have ``dense`` [B, dense] and
    ``ids`` [B, fields].
    """

    inputs: ClassVar = ("dense", "ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dense, dim = config["dense"], config["embedding_dim"]
        self.add_table("shared_first_order", config["rows"], 1, 0.0)
        self.add_table("shared", config["rows"], dim, INITIAL_STD)
        self.bias = nn.Parameter(torch.zeros(1))
        self.dense_weights = nn.Parameter(torch.zeros(dense))
        self.dense_vectors = nn.Parameter(torch.randn(dense, dim) * INITIAL_STD)
        self.second_order = SecondOrder()
        self.deep = mlp((dense + config["fields"]) * dim, config["mlp"], relu)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        ids = batch["ids"].flatten()
        return {"shared_first_order": ids, "shared": ids}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = batch["dense"]
        samples, dim = len(dense), self.dense_vectors.shape[1]
        first = rows["shared_first_order"].view(samples, -1).sum(1) + dense @ self.dense_weights
        embedded = rows["shared"].view(samples, -1, dim)
        vectors = torch.cat([embedded, dense.unsqueeze(2) * self.dense_vectors], dim=1)
        deep: Tensor = self.deep(vectors.flatten(1))
        second: Tensor = self.second_order(vectors)
        return self.bias + first + second + deep.squeeze(1)
