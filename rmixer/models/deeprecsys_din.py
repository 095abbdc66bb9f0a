"""DeepRecSys' DIN: one weighing of pooled behaviours against the advertisement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from rmixer.models.base import RecommendationModel
from rmixer.models.field_table import FieldTable
from rmixer.models.layers import mlp, relu

INITIAL_STD = 0.1


class DeepRecSysDIN(RecommendationModel):
    """Fields are the user's profile, behaviours, the advertisement and the context, each the sum
    of its ids' rows. Each behaviour b meets the advertisement a in a small MLP of [b, a, b + a],
    and the results are added up (after DIN, arXiv 1706.06978, whose unit gives a weight for
    each single behaviour). The logit is an MLP of profile, that sum, a and context.

    Batches have ``ids`` [B, places].
    """

    inputs: ClassVar = ("ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dim = config["embedding_dim"]
        self.fields = FieldTable(self, config, INITIAL_STD)
        self.unit = mlp(3 * dim, config["attention_mlp"], relu, activate_last=True)
        self.top = mlp(4 * dim, config["top_mlp"], relu)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"shared": self.fields.table_rows(batch["ids"])}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        vectors = rows["shared"].view(len(batch["ids"]), self.fields.count, -1)
        profile, behaviours, advertisement, context = vectors.split(
            [1, self.fields.count - 3, 1, 1], dim=1
        )
        shown = advertisement.expand_as(behaviours)
        interest = self.unit(torch.cat([behaviours, shown, behaviours + shown], dim=2))
        parts = [profile, interest.sum(1, keepdim=True), advertisement, context]
        logits: Tensor = self.top(torch.cat(parts, dim=1).flatten(1))
        return logits.squeeze(1)
