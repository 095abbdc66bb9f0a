"""DIFM as in its paper: queries, keys and values of every field (doi 10.24963/ijcai.2020/434)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, scaled_dot_product_attention

from experiments.bench.plain.network import PlainNetwork, layers
from rmixer.models.base import RecommendationModel


class PlainDIFM(PlainNetwork):
    """:class:`rmixer.models.difm.DIFM`."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        config = self.config
        dense, dim, fields = config["dense"], config["embedding_dim"], config["fields"] + 1
        width = config["heads"] * config["head_dim"]
        self.bias = nn.Parameter(torch.zeros(1))
        self.dense_weight = nn.Linear(dense, 1)
        dense_widths = (*config["dense_mlp"], dim)
        self.dense_vector = layers(dense, dense_widths, nn.ReLU, activate_last=True)
        self.dense_logit = nn.Linear(dim, 1)
        self.queries = nn.Linear(dim, width, bias=False)
        self.keys = nn.Linear(dim, width, bias=False)
        self.values = nn.Linear(dim, width, bias=False)
        self.residual = nn.Linear(dim, width, bias=False)
        self.output = nn.Linear(fields * width, fields)
        self.bit_wise = layers(fields * dim, (*config["bit_wise_mlp"], fields), nn.ReLU)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = batch["dense"]
        samples = len(dense)
        of_dense = self.dense_vector(dense)
        embedded = rows["shared"].view(samples, -1, of_dense.shape[1])
        vectors = torch.cat([of_dense.unsqueeze(1), embedded], dim=1)
        factors = self._vector_wise(vectors) + self.bit_wise(vectors.flatten(1))
        weights = [self.dense_weight(dense), rows["shared_first_order"].view(samples, -1)]
        first = (torch.cat(weights, dim=1) * factors).sum(1)
        weighted = vectors * factors.unsqueeze(-1)
        second = 0.5 * (weighted.sum(1).square() - weighted.square().sum(1)).sum(1)
        logits: Tensor = self.bias + first + second + self.dense_logit(of_dense).squeeze(1)
        return logits

    def _vector_wise(self, vectors: Tensor) -> Tensor:
        """A factor for each field by attention between them: [B, F, d] -> [B, F]."""
        samples, fields, _ = vectors.shape
        projected = (
            projection(vectors).view(samples, fields, self.config["heads"], -1).transpose(1, 2)
            for projection in (self.queries, self.keys, self.values)
        )
        attended = scaled_dot_product_attention(*projected).transpose(1, 2).flatten(2)
        hidden = relu(attended + self.residual(vectors))
        factors: Tensor = self.output(hidden.flatten(1))
        return factors

    def renamed(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = dict(ours)
        for name in ("queries", "keys", "values", "residual"):
            by_head = found.pop(f"vector_wise.{name}")  # [heads, d, head_dim]
            found[f"{name}.weight"] = by_head.transpose(1, 2).flatten(0, 1)
        by_head = found.pop("vector_wise.output")  # [heads, fields head_dim, fields]
        heads, _, fields = by_head.shape
        by_field = by_head.view(heads, fields, -1, fields).permute(3, 1, 0, 2)
        found["output.weight"] = by_field.flatten(1)
        found["output.bias"] = found.pop("vector_wise.bias")
        return found
