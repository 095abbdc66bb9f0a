"""Wide & Deep: a linear model and an MLP on embeddings, trained together (arXiv 1606.07792)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel
from rmixer.models.field_table import FieldTable
from rmixer.models.layers import mlp, relu

INITIAL_STD = 0.05


class WideDeep(RecommendationModel):
    """logit = wide + deep. The wide side is linear in the dense values, the deep side an MLP of
    the embeddings and the dense values. Products of features for the wide side, which the paper
    chooses by hand for its data, are not defined for this one.

    Batches have ``dense`` [B, dense] and ``ids`` [B, fields].
    """

    inputs: ClassVar = ("dense", "ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dense = config["dense"]
        self.fields = FieldTable(self, config, INITIAL_STD)
        self.wide = nn.Linear(dense, 1)
        self.deep = mlp(self.fields.count * config["embedding_dim"] + dense, config["mlp"], relu)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"shared": self.fields.table_rows(batch["ids"])}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = batch["dense"]
        embedded = rows["shared"].view(len(dense), -1)
        logits: Tensor = self.wide(dense) + self.deep(torch.cat([embedded, dense], dim=1))
        return logits.squeeze(1)


class CategoricalWideDeep(RecommendationModel):
    """:class:`WideDeep` without dense values: the wide side is linear in the one-hot fields, a
    weight for each id. Batches have ``ids`` [B, fields].
    """

    inputs: ClassVar = ("ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        self.add_table("shared_first_order", config["rows"], 1, 0.0)
        self.fields = FieldTable(self, config, INITIAL_STD)
        self.bias = nn.Parameter(torch.zeros(1))
        self.deep = mlp(self.fields.count * config["embedding_dim"], config["mlp"], relu)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        ids = self.fields.table_rows(batch["ids"])
        return {"shared_first_order": ids, "shared": ids}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        samples = len(batch["ids"])
        wide = rows["shared_first_order"].view(samples, -1).sum(1) + self.bias
        deep: Tensor = self.deep(rows["shared"].view(samples, -1))
        return wide + deep.squeeze(1)
