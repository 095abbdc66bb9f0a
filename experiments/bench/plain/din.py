"""DIN as in its paper: every behaviour with the target in one wide input (arXiv 1706.06978)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from experiments.bench.plain.network import PlainNetwork, layers, with_names
from rmixer.models.base import RecommendationModel


class LocalActivation(nn.Module):
    """The weights [B, T] of a history [B, T, d] given a target [B, d]: the softmax of an MLP of
    [h, t, h - t, h * t] over √d, positions from ``length`` [B] on left out."""

    def __init__(self, dim: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.score = layers(4 * dim, widths, nn.Sigmoid)

    def forward(self, history: Tensor, target: Tensor, length: Tensor) -> Tensor:
        _, places, dim = history.shape
        targets = target.unsqueeze(1).expand_as(history)
        together = [history, targets, history - targets, history * targets]
        scores = self.score(torch.cat(together, dim=-1)).squeeze(-1) / dim**0.5
        padding = torch.arange(places) >= length.unsqueeze(1)
        return torch.softmax(scores.masked_fill(padding, -1e9), dim=1)

    @staticmethod
    def renamed(ours: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
        """Names of the module ``prefix``; its scores there have no last bias, which a softmax
        does not feel."""
        found = with_names(
            ours, {f"{prefix}.first.": f"{prefix}.score.0.", f"{prefix}.rest.": f"{prefix}.score."}
        )
        last = max(name for name in found if name.startswith(f"{prefix}.score."))
        found[last.replace("weight", "bias")] = found[last].new_zeros(1)
        return found


class PlainDIN(PlainNetwork):
    """:class:`rmixer.models.din.DIN`."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        dim = 2 * self.config["dim"]
        self.attention = LocalActivation(dim, self.config["attention_mlp"])
        self.projection = nn.Linear(dim, dim)
        self.top = layers(2 * dim, self.config["top_mlp"], nn.Sigmoid)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        samples, places = batch["history_items"].shape
        parts = rows["shared"].split(2 * [samples * places, samples])
        history = torch.cat([parts[0], parts[2]], dim=-1).view(samples, places, -1)
        target = torch.cat([parts[1], parts[3]], dim=-1)
        weights = self.attention(history, target, batch["history_length"])
        interest = self.projection(torch.bmm(weights.unsqueeze(1), history).squeeze(1))
        return torch.squeeze(self.top(torch.cat([interest, target], dim=-1)) + rows["item_bias"], 1)

    def renamed(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return LocalActivation.renamed(ours, "attention")
