"""DCN and DCN V2 as in their papers: cross after cross, expert after expert (arXiv 1708.05123,
2008.13535)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from experiments.bench.plain.network import PlainNetwork, layers
from rmixer.models.base import RecommendationModel


class PlainDCN(PlainNetwork):
    """:class:`rmixer.models.dcn.DCN`."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        config = self.config
        width = config["fields"] * config["embedding_dim"] + config["dense"]
        self.cross_weights = nn.Parameter(torch.zeros(config["cross_layers"], width))
        self.cross_biases = nn.Parameter(torch.zeros(config["cross_layers"], width))
        self.deep = layers(width, config["mlp"], nn.ReLU, activate_last=True)
        self.head = nn.Linear(width + config["mlp"][-1], 1)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = batch["dense"]
        x0 = torch.cat([rows["shared"].view(len(dense), -1), dense], dim=-1)
        x = x0
        for weight, bias in zip(self.cross_weights, self.cross_biases, strict=True):
            x = x0 * (x @ weight).unsqueeze(1) + bias + x
        return torch.squeeze(self.head(torch.cat([x, self.deep(x0)], dim=-1)), 1)


class Expert(nn.Module):
    """U tanh(C tanh(V x)), [B, d] -> [B, d], by way of ``rank`` numbers."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank, bias=False)
        self.core = nn.Linear(rank, rank, bias=False)
        self.up = nn.Linear(rank, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.up(torch.tanh(self.core(torch.tanh(self.down(x)))))
        return found


class CrossMixture(nn.Module):
    """x_{l+1} = Σ_i G_i x_0 * (expert_i(x_l) + b) + x_l, with gates G [B, experts]."""

    def __init__(self, width: int, experts: int, rank: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Expert(width, rank) for _ in range(experts))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x0: Tensor, x: Tensor, gates: Tensor) -> Tensor:
        found = torch.stack([x0 * (expert(x) + self.bias) for expert in self.experts], dim=1)
        return torch.bmm(gates.unsqueeze(1), found).squeeze(1) + x


class PlainDCNv2(PlainNetwork):
    """:class:`rmixer.models.dcn_v2.DCNv2`."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        config = self.config
        width = config["fields"] * config["embedding_dim"] + config["dense_projection"]
        self.projection = nn.Linear(config["dense"], config["dense_projection"])
        self.gates = nn.Linear(width, config["experts"])
        self.crosses = nn.ModuleList(
            CrossMixture(width, config["experts"], config["rank"])
            for _ in range(config["cross_layers"])
        )
        self.deep = nn.ModuleList()
        for before, after in zip((width, *config["mlp"]), config["mlp"], strict=False):
            self.deep.append(nn.Linear(before, after))
        self.dropout = nn.Dropout(config["dropout"])
        self.head = nn.Linear(config["mlp"][-1], 1)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        dense = self.projection(torch.log1p(batch["dense"].clamp(min=0.0)))
        x0 = torch.cat([rows["shared"].view(len(dense), -1), dense], dim=-1)
        x = x0
        for cross in self.crosses:
            x = cross(x0, x, torch.softmax(self.gates(x), dim=1))
        for linear in self.deep:
            x = self.dropout(torch.relu(linear(x)))
        return torch.squeeze(self.head(x), 1)

    def loss(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        l2: float = self.config["l2"]
        squares = torch.stack([p.square().sum() for p in self.deep.parameters() if p.dim() > 1])
        return super().loss(batch, rows) + 0.5 * l2 * squares.sum()

    def renamed(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = dict(ours)
        experts = self.config["experts"]
        for at in range(self.config["cross_layers"]):
            cross = f"crosses.{at}"
            down = found.pop(f"{cross}.down.weight").chunk(experts)
            core = found.pop(f"{cross}.core").transpose(1, 2)
            up = found.pop(f"{cross}.up.weight").chunk(experts, dim=1)
            found[f"{cross}.bias"] = found.pop(f"{cross}.up.bias")
            for expert in range(experts):
                name = f"{cross}.experts.{expert}"
                found[f"{name}.down.weight"] = down[expert]
                found[f"{name}.core.weight"] = core[expert]
                found[f"{name}.up.weight"] = up[expert]
        linears = [name for name in found if name.startswith("deep.")]
        for at, name in enumerate(linears):
            found[f"deep.{at // 2}.{name.rsplit('.', 1)[1]}"] = found.pop(name)
        return found
