"""DCN V2: crosses by low-rank matrices, as a mixture of experts (arXiv 2008.13535)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rmixer.models.base import RecommendationModel
from rmixer.models.dropout import Dropout
from rmixer.models.field_table import FieldTable
from rmixer.models.layers import mlp, relu

INITIAL_STD = 0.05


class LowRankCross(nn.Module):
    """One cross layer: x_{l+1} = Σ_i G_i(x_l) E_i(x_l) + x_l, with experts
    E_i(x) = x_0 * (U_i tanh(C_i tanh(V_iᵀ x)) + b) and gates G = softmax over i.

    Since the gates add up to one, Σ_i G_i E_i = x_0 * (Σ_i U_i (G_i h_i) + b): the experts are
    one product with all V and one with all U side by side, [d, experts * rank] and back.
    """

    def __init__(self, width: int, experts: int, rank: int) -> None:
        super().__init__()
        self.experts = experts
        self.down = nn.Linear(width, experts * rank, bias=False)
        self.core = nn.Parameter(torch.empty(experts, rank, rank))
        self.up = nn.Linear(experts * rank, width)
        of_experts = self.down.weight.chunk(experts), self.core, self.up.weight.chunk(experts, 1)
        for weight in chain.from_iterable(of_experts):
            nn.init.xavier_normal_(weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x0: Tensor, x: Tensor, gates: Tensor) -> Tensor:
        """``x0`` and ``x`` [B, d], ``gates`` [B, experts]: [B, d]."""
        hidden = self.down(x).tanh_().view(len(x), self.experts, -1).transpose(0, 1)
        hidden = torch.bmm(hidden, self.core).tanh_().transpose(0, 1)
        mixed = (hidden * gates.unsqueeze(2)).flatten(1)
        return torch.addcmul(x, x0, self.up(mixed))


class DCNv2(RecommendationModel):
    """x_0 = [embeddings, a projection of log(1 + dense)]; cross layers; an MLP on the last of
    them, with dropout after each activation; the logit is linear in its output. The loss has an
    L2 penalty on the weights of that MLP, ½ ``l2`` Σ w².

    One linear layer gives the gates of every cross layer. Batches have ``dense`` [B, dense] and
    ``ids`` [B, fields].
    """

    inputs: ClassVar = ("dense", "ids", "label")

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        self.fields = FieldTable(self, config, INITIAL_STD)
        projected, experts = config["dense_projection"], config["experts"]
        width = self.fields.count * config["embedding_dim"] + projected
        self.projection = nn.Linear(config["dense"], projected)
        self.gates = nn.Linear(width, experts)
        self.crosses = nn.ModuleList(
            LowRankCross(width, experts, config["rank"]) for _ in range(config["cross_layers"])
        )
        self.deep = mlp(
            width,
            config["mlp"],
            lambda: nn.Sequential(relu(), Dropout(config["dropout"])),
            activate_last=True,
        )
        self.head = nn.Linear(config["mlp"][-1], 1)
        self.l2: float = config["l2"]

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"shared": self.fields.table_rows(batch["ids"])}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = self.projection(batch["dense"].clamp_min(0.0).log1p())
        x0 = torch.cat([rows["shared"].view(len(dense), -1), dense], dim=1)
        x = x0
        for cross in self.crosses:
            x = cross(x0, x, torch.softmax(self.gates(x), dim=1))
        logits: Tensor = self.head(self.deep(x))
        return logits.squeeze(1)

    def loss(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        """The mean cross-entropy of the clicks and the penalty."""
        weights = [part.weight.flatten() for part in self.deep if isinstance(part, nn.Linear)]
        squares = torch.stack([torch.dot(weight, weight) for weight in weights]).sum()
        return super().loss(batch, rows) + 0.5 * self.l2 * squares
