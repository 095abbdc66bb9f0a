"""DLRM as in its authors' code: pairs of dot products taken by two lists of numbers
(arXiv 1906.00091)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from experiments.bench.plain.network import PlainNetwork, layers
from rmixer.models.base import RecommendationModel


class PlainDLRM(PlainNetwork):
    """:class:`rmixer.models.dlrm.DLRM` by dot products or, as configured, by concatenation."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        config = self.config
        dim, rows = config["embedding_dim"], config["rows"]
        vectors = 1 + (config["fields"] if isinstance(rows, int) else len(rows))
        self.by_dots = config.get("interaction", "dot") == "dot"
        self.left, self.right = torch.triu_indices(vectors, vectors, offset=1)
        self.bottom = layers(config["dense"], config["bottom_mlp"], nn.ReLU, activate_last=True)
        width = dim + len(self.left) if self.by_dots else dim * vectors
        self.top = layers(width, config["top_mlp"], nn.ReLU)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = self.bottom(batch["dense"])
        embedded = rows["shared"].view(len(dense), -1, dense.shape[1])
        if self.by_dots:
            vectors = torch.cat([dense.unsqueeze(1), embedded], dim=1)
            dots = torch.bmm(vectors, vectors.transpose(1, 2))
            met = dots[:, self.left, self.right]
        else:
            met = embedded.flatten(1)
        return torch.squeeze(self.top(torch.cat([dense, met], dim=-1)), 1)
