"""FLEN as in its paper: products of pairs of groups, taken by their numbers (arXiv 1911.04690)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from experiments.bench.plain.network import PlainNetwork
from rmixer.models.base import RecommendationModel


class GroupInteraction(nn.Module):
    """Weighted products of the groups' summed vectors and, within each group, of its fields:
    [B, fields, d] -> [B, d], each product dropped with probability ``dropped``."""

    def __init__(self, groups: Sequence[int], dropped: float) -> None:
        super().__init__()
        self.groups = list(groups)
        self.left, self.right = torch.triu_indices(len(groups), len(groups), offset=1)
        self.between = nn.Parameter(torch.ones(len(self.left)))
        self.within = nn.Parameter(torch.ones(len(groups)))
        self.dropout = nn.Dropout(dropped)

    def forward(self, vectors: Tensor) -> Tensor:
        parts = vectors.split(self.groups, dim=1)
        sums = torch.stack([part.sum(1) for part in parts], dim=1)
        squares = torch.stack([part.square().sum(1) for part in parts], dim=1)
        between = self.dropout(sums[:, self.left] * sums[:, self.right])
        within = self.dropout(sums.square() - squares)
        pooled: Tensor = (between * self.between.unsqueeze(1)).sum(1)
        pooled = pooled + (within * self.within.unsqueeze(1)).sum(1)
        return pooled


class PlainFLEN(PlainNetwork):
    """:class:`rmixer.models.flen.FLEN`."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        config = self.config
        dim, dropped, groups = config["embedding_dim"], config["dropout"], config["groups"]
        self.bias = nn.Parameter(torch.zeros(1))
        self.interaction = GroupInteraction(groups, dropped)
        self.interaction_layer = _normalised(1 + dim, (dim,), dropped)
        self.deep = _normalised(sum(groups) * dim, config["mlp"], dropped)
        self.head = nn.Linear(dim + config["mlp"][-1], 1)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        samples = len(batch["ids"])
        linear = rows["shared_first_order"].view(samples, -1).sum(1, keepdim=True) + self.bias
        vectors = rows["shared"].view(samples, sum(self.config["groups"]), -1)
        shallow = torch.cat([linear, self.interaction(vectors)], dim=-1)
        both = [self.interaction_layer(shallow), self.deep(vectors.flatten(1))]
        return torch.squeeze(self.head(torch.cat(both, dim=-1)), 1)


def _normalised(inputs: int, widths: Sequence[int], dropped: float) -> nn.Sequential:
    """Linear, ReLU, BatchNorm and dropout for each of ``widths``."""
    found: list[nn.Module] = []
    for before, after in zip((inputs, *widths), widths, strict=False):
        found += [nn.Linear(before, after), nn.ReLU()]
        found += [nn.BatchNorm1d(after), nn.Dropout(dropped)]
    return nn.Sequential(*found)
