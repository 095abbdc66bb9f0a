"""DLRM: dense features and embeddings that meet in dot products (arXiv 1906.00091)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel
from rmixer.models.field_table import FieldTable
from rmixer.models.layers import PairwiseDots, mlp, relu

INITIAL_STD = 0.1


class Concatenation(nn.Module):
    """Joins the vectors one after another, unchanged: [B, F, d] -> [B, F d]."""

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors.flatten(1)


class DLRM(RecommendationModel):
    """z0 = bottom MLP of the dense features; z1.. = embeddings; the logit is the top MLP of z0
    and of the dot products of all pairs of z0, z1, ... (``interaction`` ``dot``), or of all of
    them as they are (``concat``).

    ``rows`` is the length of one hashed table for all ``fields``, or one length for each field.
    Batches have ``dense`` [B, dense] and ``ids`` [B, places]; with ``bag_sizes`` a field has
    that many places, and its embedding is the sum of their rows.
    """

    inputs: ClassVar = ("dense", "ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dim = config["embedding_dim"]
        if config["bottom_mlp"][-1] != dim:
            raise ValueError("the bottom MLP must end in the embedding dimension")
        self.fields = FieldTable(self, config, INITIAL_STD)
        self.bottom = mlp(config["dense"], config["bottom_mlp"], relu, activate_last=True)
        self.interaction, width = self.interacting(dim, self.fields.count + 1)
        self.top = mlp(width, config["top_mlp"], relu)

    def interacting(self, dim: int, vectors: int) -> tuple[nn.Module, int]:
        """The layer that takes z0, z1, ... as [B, vectors, dim], and the width of the top MLP's
        input."""
        if self.config.get("interaction", "dot") == "concat":
            return Concatenation(), vectors * dim
        return PairwiseDots(vectors), dim + vectors * (vectors - 1) // 2

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"shared": self.fields.table_rows(batch["ids"])}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = self.bottom(batch["dense"])
        embedded = rows["shared"].view(len(dense), -1, dense.shape[1])
        met = self.interaction(torch.cat([dense.unsqueeze(1), embedded], dim=1))
        if isinstance(self.interaction, PairwiseDots):
            met = torch.cat([dense, met], dim=1)
        logits: Tensor = self.top(met)
        return logits.squeeze(1)
