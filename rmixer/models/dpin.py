"""DPIN: the click at every position, from position-wise interests (arXiv 2106.05482)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from rmixer.models.base import RecommendationModel
from rmixer.models.layers import mlp, relu
from rmixer.models.metrics import position_auc

INITIAL_STD = 0.1


class DPIN(RecommendationModel):
    """An item's vector is an MLP of [user, context, item]. Position k's vector begins as
    ReLU(W [E(k), context, b_k] + b), where b_k sums the user's clicks at k by attention to the
    current context; transformer blocks then let the positions see each other. The logit is an
    MLP of the item's vector, the shown position's vector and that position's second embedding.
    The loss is at the position where the item was shown.

    Items are ads and the context is the advertiser, the only one in the prepared data; a click
    is [its ad's row, its advertiser's row], in tables of their own. Batches have ``user``,
    ``ad``, ``advertiser`` and ``position`` [B], ``history_ads`` and ``history_advertisers``
    [B, positions * history_max], one position after another, each padded at its end, and
    ``history_length`` [B, positions]. Padding reads row 0 and gets a gradient of exactly zero; a
    position without clicks has b_k = 0.
    """

    inputs: ClassVar = (
        "user",
        "ad",
        "advertiser",
        "position",
        "history_ads",
        "history_advertisers",
        "history_length",
        "label",
    )
    places: Tensor

    def __init__(self, config: Mapping[str, Any], rows_cap: int | None = None) -> None:
        super().__init__(config, rows_cap)
        dim, width, positions = config["dim"], config["d_model"], config["positions"]
        ads, advertisers = config["ads"], config["advertisers"]
        fields = (config["users"], ads, advertisers, ads, advertisers)
        self.first_rows = self.add_table("shared", fields, dim, INITIAL_STD)
        self.position = self.add_dense_table("position", positions, dim, INITIAL_STD)
        self.position_combination = self.add_dense_table(
            "position_combination", positions, dim, INITIAL_STD
        )
        # A cap may leave fewer rows than positions, like ids of any table.
        places = torch.arange(positions) % len(self.position)
        self.register_buffer("places", places, persistent=False)
        self.base = mlp(3 * dim, config["base_mlp"], relu, activate_last=True)
        self.interest = ContextAttention(2 * dim, dim, config["interest"], config["history_max"])
        self.interaction = mlp(4 * dim, (width,), relu, activate_last=True)
        self.blocks = nn.Sequential(
            *(PositionBlock(positions, width, config["heads"]) for _ in range(config["blocks"]))
        )
        combined = config["base_mlp"][-1] + width + dim
        self.combination = mlp(combined, config["combination_mlp"], relu)

    def table_ids(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        fields = ("user", "ad", "advertiser", "history_ads", "history_advertisers")
        ids = [
            batch[name].flatten() + first
            for name, first in zip(fields, self.first_rows, strict=True)
        ]
        return {"shared": torch.cat(ids)}

    def forward(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Tensor:
        samples, clicks = batch["history_ads"].shape
        sizes = [samples, samples, samples, samples * clicks, samples * clicks]
        user, ad, context, clicked_ads, clicked_advertisers = rows["shared"].split(sizes)
        item = self.base(torch.cat([user, context, ad], dim=1))

        history = torch.cat([clicked_ads, clicked_advertisers], dim=1).view(samples, clicks, -1)
        interests = self.interest(history, context, batch["history_length"])
        place = self.position.index_select(0, self.places)
        at_positions = self.interaction(
            torch.cat(
                [
                    place.expand(samples, -1, -1),
                    context.unsqueeze(1).expand(-1, len(place), -1),
                    interests,
                ],
                dim=2,
            )
        )
        at_positions = self.blocks(at_positions)

        shown = batch["position"].view(-1, 1, 1).expand(-1, 1, at_positions.shape[2])
        at_shown = at_positions.gather(1, shown).squeeze(1)
        shown_row = self.position_combination.index_select(0, batch["position"])
        logits: Tensor = self.combination(torch.cat([item, at_shown, shown_row], dim=1))
        return logits.squeeze(1)

    def measure(self, batch: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of the base class, and the ``position`` of each impression."""
        return {**super().measure(batch, rows), "position": batch["position"].float()}

    @staticmethod
    def quality(measured: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
        """``loss``, ``auc``, and ``pauc``, the mean of the positions' AUC weighted by their
        impressions."""
        found = RecommendationModel.quality(measured)
        pauc = position_auc(measured["label"], measured["logit"], measured["position"])
        return {**found, "pauc": pauc}


class ContextAttention(nn.Module):
    """Clicks at K positions summed by attention to the current context: [B, K * T, d] and
    [B, c] -> [B, K, d].

    The weights of position k's clicks b_1 .. b_n are a softmax over l of an MLP of [b_l, context]
    with one hidden layer. ``length`` is [B, K]; a position without clicks gives zeros.
    """

    slots: Tensor

    def __init__(self, dim: int, context_dim: int, hidden: int, history_max: int) -> None:
        super().__init__()
        score = mlp(dim + context_dim, (hidden, 1), relu)
        self.first, self.last = cast(nn.Linear, score[0]), cast(nn.Linear, score[2])
        self.widths = (dim, context_dim)
        self.register_buffer("slots", torch.arange(history_max), persistent=False)

    def forward(self, history: Tensor, context: Tensor, length: Tensor) -> Tensor:
        samples, positions = length.shape
        # The context's share of the first layer is the same for all clicks of a sample.
        of_click, of_context = self.first.weight.split(self.widths, dim=1)
        shared = linear(context, of_context, self.first.bias).unsqueeze(1)
        hidden = (linear(history, of_click) + shared).relu_()
        padding = self.slots >= length.unsqueeze(2)
        scores = self.last(hidden).view(padding.shape).masked_fill(padding, -1e9)
        # Exactly zero at padding already, but where there is nothing else.
        weights = torch.softmax(scores, dim=2).masked_fill(padding, 0.0)
        groups = samples * positions
        return torch.bmm(
            weights.view(groups, 1, -1), history.view(groups, len(self.slots), -1)
        ).view(samples, positions, -1)


class PositionBlock(nn.Module):
    """A transformer block (Vaswani et al. 2017) over the K positions: [B, K, width] -> the same.

    Both layer norms are over positions and width together, as configured; the feed-forward
    layers are as wide as the model. ``queries_keys_values`` has the three projections one above
    another.
    """

    def __init__(self, positions: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.shape = (positions, width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.norm_1 = nn.LayerNorm(self.shape)
        self.feed_forward = mlp(width, (width, width), relu)
        self.norm_2 = nn.LayerNorm(self.shape)
        for projection in (*self.queries_keys_values.weight.chunk(3), self.output.weight):
            nn.init.xavier_normal_(projection)
        nn.init.zeros_(self.queries_keys_values.bias)
        nn.init.zeros_(self.output.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        samples, positions, width = vectors.shape
        projected = self.queries_keys_values(vectors)
        parts = projected.view(samples, positions, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(*parts.unbind(0))
        attended = attended.transpose(1, 2).reshape(samples, positions, width)
        vectors = self.norm_1(vectors + self.output(attended))
        normed: Tensor = self.norm_2(vectors + self.feed_forward(vectors))
        return normed
