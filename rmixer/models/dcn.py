"""Deep & Cross Network: feature crosses of bounded degree next to an MLP (arXiv 1708.05123)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel
from rmixer.models.field_table import FieldTable
from rmixer.models.layers import mlp, relu

INITIAL_STD = 0.05


class DCN(RecommendationModel):
    """x_0 = [embeddings, dense]; x_{l+1} = x_0 (x_l . w_l) + b_l + x_l, with weights w_l and b_l
    for each cross layer; the logit is linear in [x_L, MLP(x_0)].

    By induction x_l = a_l x_0 + c_l, where a_l is a number for each sample and c_l = Σ_{k<l} b_k
    one vector for all: a_0 = 1 and a_{l+1} = a_l (1 + x_0 . w_l) + c_l . w_l. So the crosses' part
    of the logit, h . x_L, needs x_0 once, times the matrix [w_0, w_1, ..., h]; no cross but x_0 is
    stored.

    Batches have ``dense`` [B, dense] and ``ids`` [B, fields].
    """

    inputs: ClassVar = ("dense", "ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        self.fields = FieldTable(self, config, INITIAL_STD)
        width = self.fields.count * config["embedding_dim"] + config["dense"]
        layers = config["cross_layers"]
        self.cross_weights = nn.Parameter(torch.randn(layers, width) * width**-0.5)
        self.cross_biases = nn.Parameter(torch.zeros(layers, width))
        self.deep = mlp(width, config["mlp"], relu, activate_last=True)
        self.head = nn.Linear(width + config["mlp"][-1], 1)
        nn.init.xavier_normal_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"shared": self.fields.table_rows(batch["ids"])}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = batch["dense"]
        x0 = torch.cat([rows["shared"].view(len(dense), -1), dense], dim=1)
        layers, width = self.cross_weights.shape
        of_cross, of_deep = self.head.weight.split([width, self.head.in_features - width], dim=1)
        directions = torch.cat([self.cross_weights, of_cross])
        products = (x0 @ directions.t()).unbind(1)
        # dots[l, k] = b_l . w_k, and b_l . h where k = L.
        dots = self.cross_biases @ directions.t()
        scale = 1.0 + products[0]
        for layer in range(1, layers):
            scale = scale + scale * products[layer] + dots[:layer, layer].sum()
        crosses = scale * products[layers] + dots[:, layers].sum()
        deep = nn.functional.linear(self.deep(x0), of_deep, self.head.bias)
        return crosses + deep.squeeze(1)
