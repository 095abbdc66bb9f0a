"""FLEN: interactions of fields by the groups they belong to (arXiv 1911.04690)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from rmixer.models.base import RecommendationModel
from rmixer.models.dropout import Dropout
from rmixer.models.field_table import FieldTable
from rmixer.models.layers import mlp, relu

INITIAL_STD = 0.05


class GroupInteraction(nn.Module):
    """Σ_{m<n} r_mn e_m * e_n + Σ_m r_mm (e_m * e_m - Σ_{i in m} v_i * v_i), where e_m is the sum
    of group m's vectors v_i: [B, fields, d] -> [B, d], groups one after another.

    The paper's Dicefactor: in training each element of each of these products is dropped with
    probability ``dropped``, so that independent features do not adapt to each other.
    """

    left: Tensor
    right: Tensor

    def __init__(self, groups: Sequence[int], dropped: float) -> None:
        super().__init__()
        self.groups = list(groups)
        pairs = torch.tensor(list(combinations(range(len(groups)), 2)))
        self.register_buffer("left", pairs[:, 0].contiguous(), persistent=False)
        self.register_buffer("right", pairs[:, 1].contiguous(), persistent=False)
        self.between = nn.Parameter(torch.ones(len(pairs)))
        self.within = nn.Parameter(torch.ones(len(groups)))
        self.dicefactor = Dropout(dropped)

    def forward(self, vectors: Tensor) -> Tensor:
        sums, squares = _GroupSums.apply(vectors, self.groups)  # type: ignore[no-untyped-call]
        between = sums.index_select(1, self.left) * sums.index_select(1, self.right)
        products = self.dicefactor(torch.cat([between, sums.square() - squares], dim=1))
        weights = torch.cat([self.between, self.within]).unsqueeze(1)
        pooled: Tensor = (products * weights).sum(1)
        return pooled


class _GroupSums(torch.autograd.Function):
    """Σ v_i and Σ v_i * v_i of each group, [B, groups, d]; their gradients are written in one go
    over the vectors."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, groups: list[int]) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(vectors)
        ctx.groups = groups
        shape = (len(vectors), len(groups), vectors.shape[2])
        sums, squares = vectors.new_empty(shape), vectors.new_empty(shape)
        for at, part in enumerate(vectors.split(groups, dim=1)):
            torch.sum(part, dim=1, out=sums[:, at])
            torch.sum(part.square(), dim=1, out=squares[:, at])
        return sums, squares

    @staticmethod
    @once_differentiable  # type: ignore[misc]
    def backward(ctx: Any, of_sums: Tensor, of_squares: Tensor) -> tuple[Tensor, None]:
        (vectors,) = ctx.saved_tensors
        gradient = torch.empty_like(vectors)
        parts = zip(vectors.split(ctx.groups, 1), gradient.split(ctx.groups, 1), strict=True)
        for at, (part, of_part) in enumerate(parts):
            sums, squares = of_sums[:, at : at + 1], of_squares[:, at : at + 1]
            torch.addcmul(sums, part, squares, value=2.0, out=of_part)
        return gradient, None


class FLEN(RecommendationModel):
    """The logit is linear in [ReLU(W [h_S, interactions]), MLP(all embeddings)], where
    h_S = w0 + Σ w_i is linear in the one-hot fields; BatchNorm and dropout follow each ReLU, as
    in the authors' public code.

    Batches have ``ids`` [B, columns]; ``groups`` are the numbers of successive columns in each
    group, from ``first_column`` on.
    """

    inputs: ClassVar = ("ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dim, dropped = config["embedding_dim"], config["dropout"]
        first = config["first_column"]
        self.columns = slice(first, first + sum(config["groups"]))
        self.add_table("shared_first_order", config["rows"], 1, 0.0)
        self.fields = FieldTable(self, config, INITIAL_STD)
        self.bias = nn.Parameter(torch.zeros(1))
        self.interaction = GroupInteraction(config["groups"], dropped)
        self.interaction_layer = _normalised(1 + dim, (dim,), dropped)
        self.deep = _normalised(self.fields.count * dim, config["mlp"], dropped)
        self.head = nn.Linear(dim + config["mlp"][-1], 1)
        nn.init.xavier_normal_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        ids = self.fields.table_rows(batch["ids"][:, self.columns])
        return {"shared_first_order": ids, "shared": ids}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        samples = len(batch["ids"])
        linear = rows["shared_first_order"].view(samples, -1).sum(1, keepdim=True) + self.bias
        vectors = rows["shared"].view(samples, self.fields.count, -1)
        shallow = self.interaction_layer(torch.cat([linear, self.interaction(vectors)], dim=1))
        logits: Tensor = self.head(torch.cat([shallow, self.deep(vectors.flatten(1))], dim=1))
        return logits.squeeze(1)


def _normalised(inputs: int, widths: Sequence[int], dropped: float) -> nn.Sequential:
    """Linear, ReLU, BatchNorm and dropout for each of ``widths``."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [*mlp(inputs, (width,), relu, activate_last=True), nn.BatchNorm1d(width)]
        layers.append(Dropout(dropped))
        inputs = width
    return nn.Sequential(*layers)
