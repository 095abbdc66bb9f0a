"""DPIN as in its paper, by torch's attention (arXiv 2106.05482)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from experiments.bench.plain.network import PlainNetwork, layers, with_names
from rmixer.models.base import RecommendationModel


class PlainDPIN(PlainNetwork):
    """:class:`rmixer.models.dpin.DPIN`."""

    def __init__(self, model: RecommendationModel) -> None:
        super().__init__(model)
        config = self.config
        dim, width, positions = config["dim"], config["d_model"], config["positions"]
        self.position = nn.Embedding(positions, dim)
        self.position_combination = nn.Embedding(positions, dim)
        self.base = layers(3 * dim, config["base_mlp"], nn.ReLU, activate_last=True)
        self.interest = layers(3 * dim, (config["interest"], 1), nn.ReLU)
        self.interaction = layers(4 * dim, (width,), nn.ReLU, activate_last=True)
        self.blocks = nn.ModuleList(
            PositionBlock(positions, width, config["heads"]) for _ in range(config["blocks"])
        )
        combined = config["base_mlp"][-1] + width + dim
        self.combination = layers(combined, config["combination_mlp"], nn.ReLU)

    def logits(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        samples, clicks = batch["history_ads"].shape
        positions = self.config["positions"]
        sizes = [samples, samples, samples, samples * clicks, samples * clicks]
        user, ad, context, clicked_ads, clicked_advertisers = rows["shared"].split(sizes)
        item = self.base(torch.cat([user, context, ad], dim=-1))

        history = torch.cat([clicked_ads, clicked_advertisers], dim=-1)
        history = history.view(samples, positions, clicks // positions, -1)
        interests = self._interests(history, context, batch["history_length"])
        place = self.position(torch.arange(positions)).expand(samples, -1, -1)
        contexts = context.unsqueeze(1).expand(-1, positions, -1)
        vectors = self.interaction(torch.cat([place, contexts, interests], dim=-1))
        for block in self.blocks:
            vectors = block(vectors)

        shown = vectors[torch.arange(samples), batch["position"]]
        shown_row = self.position_combination(batch["position"])
        return torch.squeeze(self.combination(torch.cat([item, shown, shown_row], dim=-1)), 1)

    def _interests(self, history: Tensor, context: Tensor, length: Tensor) -> Tensor:
        """Clicks [B, K, T, d] summed by attention to ``context`` [B, c]: [B, K, d]."""
        _, positions, places, _ = history.shape
        contexts = context[:, None, None].expand(-1, positions, places, -1)
        scores = self.interest(torch.cat([history, contexts], dim=-1)).squeeze(-1)
        padding = torch.arange(places) >= length.unsqueeze(-1)
        weights = torch.softmax(scores.masked_fill(padding, -1e9), dim=-1)
        weights = weights.masked_fill(padding, 0.0)
        return torch.matmul(weights.unsqueeze(-2), history).squeeze(-2)

    def renamed(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        names = {
            "interest.first.": "interest.0.",
            "interest.last.": "interest.2.",
            ".queries_keys_values.": ".attention.in_proj_",
            ".output.": ".attention.out_proj.",
        }
        return with_names(ours, names, ("position", "position_combination"))


class PositionBlock(nn.Module):
    """A transformer block with layer norms over positions and width together: torch's own layer
    has them over the width alone."""

    def __init__(self, positions: int, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm_1 = nn.LayerNorm([positions, width])
        self.feed_forward = layers(width, (width, width), nn.ReLU)
        self.norm_2 = nn.LayerNorm([positions, width])

    def forward(self, vectors: Tensor) -> Tensor:
        attended, _ = self.attention(vectors, vectors, vectors, need_weights=False)
        vectors = self.norm_1(vectors + attended)
        normed: Tensor = self.norm_2(vectors + self.feed_forward(vectors))
        return normed
